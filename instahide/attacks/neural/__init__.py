"""The neural attack of 2020: similarity learnt by a network, clusters, gradient descent.

Source: Carlini et al., "Is private learning possible with instance encoding?" (2020, arXiv
2011.05315). Its parts are stages of the unmixing family, so each goes together with ours.
"""
