"""Attacks on every entrance, as one list that is run: what is tried, how often, and what it costs.

No benchmark of speed. A *kind* of attack is a function that yields outcomes, registered by one line, `frame.kind`;
one module per section. ``python -m attack`` in ``benchmarks`` runs the list and writes ``results/attack.json``;
``make_robustness_page.py`` makes docs/robustness.md of it.
"""
