"""Random numbers: the AES-256 key stream, and the two Mersenne Twisters of 2020."""
