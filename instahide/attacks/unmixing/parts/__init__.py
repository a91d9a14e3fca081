"""What stages of the whitened family share; none of it knows a stage."""
