"""What the stages of the unmixing attacks share: fields, signs, clusters, least squares."""
