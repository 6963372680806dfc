"""`python -m reportgen.palettes.make` writes `palettes.npz` from the matplotlib that is installed.

To be run where no `matplotlibrc` is. Colours that were written once stay: a new matplotlib only adds its new colormaps.
"""

from __future__ import annotations

import numpy as np

from . import COLOURS, PALETTES, colours_of, kept_palettes


def main() -> None:
    from matplotlib import colormaps

    palettes = {name: colours_of(colormap) for name, colormap in colormaps.items()}
    if PALETTES.exists():
        palettes.update(kept_palettes())
    table = np.stack([np.frombuffer(palettes[name], np.uint8).reshape(COLOURS, 3) for name in sorted(palettes)])
    np.savez_compressed(PALETTES, names=np.array(sorted(palettes)), colours=table)


if __name__ == "__main__":
    main()
