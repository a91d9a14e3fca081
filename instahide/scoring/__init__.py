"""Scores, hostile submissions, baselines, leaderboard, figures, checks before publishing."""
