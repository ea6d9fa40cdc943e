"""Compiled kernels: plain functions on plain arrays, which return small named tuples.

The package knows points, not clusters: what the numbers mean is said in `calcigram.features`.
"""
