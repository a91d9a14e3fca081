"""Records of results, the tables made of them, and what is checked before publishing."""
