"""What gradients of training tell of the rows that were trained on."""
