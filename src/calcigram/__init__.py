"""calcigram: read the pattern of clustered breast calcifications twice, and cross-check.

Research software, no medical device: it describes patterns and never states a diagnosis.
"""

__version__ = "0.1.0"
