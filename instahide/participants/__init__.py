"""What those who take part get: their page, a sample submission, a check, the public site."""
