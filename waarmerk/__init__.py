"""Waarmerk marks what generative AI makes and reads such marks.

Data flows one way: ``app`` -> ``marking``, ``detection``, ``adapters`` -> ``core``.
The three in the middle never import each other; ``core``, ``marking`` and ``detection`` are pure:
no files, clock, randomness or framework. ``tests/test_layers.py`` proves it.
"""

__version__ = "0.1.0"
