"""Why a cluster was read so: what moved the model, which rules fired, what is like it, what would change it.

It explains readings and makes none. Attributions are not causes.
"""

from calcigram.explain.explanation import Explanation, explain

__all__ = ["Explanation", "explain"]
