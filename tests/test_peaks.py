"""Where each channel is strongest among many images: what is kept, joined, written and read, and the box of the image it sees."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reportgen.layer_calls import ReceptiveField
from reportgen.site.patches import box_of
from reportgen.site.peaks import KEPT, ChannelPeaks, LayerPeaks, MapPeaks, Peak, Peaks, peaks_in
from reportgen.site.peaks_file import decoded, encoded

from .fake_probe import maps_of
from .tiny_site import FIELD, best_of


def images_of(count: int, seed: int = 1) -> dict[str, np.ndarray]:
    """Maps (4, 5, 3) by name, in steps so coarse that many peaks are equal."""
    drawn = np.random.default_rng(seed)
    return {f"i{place:03}": drawn.integers(-3, 9, (4, 5, 3)).astype(np.float32) for place in range(count)}


def found_in(values: np.ndarray) -> MapPeaks:
    found = peaks_in(maps_of(1, "conv", values), FIELD)
    assert found is not None
    return found


def kept(maps: dict[str, np.ndarray]) -> Peaks:
    peaks = Peaks(model="m", size=(8, 8))
    for stem, values in maps.items():
        peaks.images[stem] = f"wanted {stem}"
        peaks.add(stem, found_in(values))
    return peaks


def test_at_most_nine_are_kept_for_each_channel_whatever_the_number_of_images() -> None:
    maps = images_of(300)
    for names in (sorted(maps), sorted(maps, reverse=True)):
        peaks = kept({name: maps[name] for name in names})
        for channel, held in enumerate(peaks.layers["conv"].channels):
            assert len(held.best) == KEPT == 9
            expected = best_of(maps, channel)
            assert [(peak.value, peak.image, peak.row, peak.column) for peak in held.best] == expected
    assert encoded(peaks) == encoded(kept(maps))


@pytest.mark.parametrize("parts", [2, 3, 7])
def test_joining_parts_in_any_order_gives_the_same_bytes(parts: int) -> None:
    maps = images_of(60, seed=parts)
    whole = encoded(kept(maps))
    shards = [{name: maps[name] for name in sorted(maps)[part::parts]} for part in range(parts)]
    for order in (shards, shards[::-1]):
        merged = Peaks()
        for shard in order:
            merged = merged.join(decoded(encoded(kept(shard))))
        assert encoded(merged) == whole


def test_after_an_image_was_replaced_only_what_is_certain_is_shown() -> None:
    maps = images_of(30)
    peaks = kept(maps)
    best = [peak.image for peak in peaks.layers["conv"].channels[0].best]
    after = peaks.without(best[:2])
    held = after.layers["conv"].channels[0]
    assert [peak.image for peak in held.best] == best[2:]  # the tenth is not known: nothing else takes the places
    assert held.left_out is not None
    held.offer(Peak(-99.0, 0, 0, "weak"))
    assert len(held.best) == 7
    held.offer(Peak(99.0, 0, 0, "strong"))
    assert held.best[0].image == "strong"
    again = kept(maps).without(best[:2])
    for stem in best[:2]:
        again.images[stem] = f"wanted {stem}"
        again.add(stem, found_in(maps[stem]))
    assert encoded(again) == encoded(kept(maps))  # made again as they were
    assert kept(maps).without(maps.keys()).layers == {}


def test_maps_that_are_not_finite_or_constant_have_no_peak() -> None:
    values = images_of(1)["i000"]
    broken = values.copy()
    broken[1, 2, 0], broken[0, 0, 1] = np.nan, np.inf
    broken[:, :, 2] = 4
    peaks = kept({"broken": broken, "sound": values})
    assert [[peak.image for peak in held.best] for held in peaks.layers["conv"].channels] == [["sound"]] * 3
    assert decoded(encoded(peaks)) == peaks


def test_a_file_of_peaks_that_was_changed_is_damaged() -> None:
    sound = json.loads(encoded(kept(images_of(12))))
    assert decoded(json.dumps(sound).encode()) == kept(images_of(12))

    def changed(change: Any) -> bytes:
        values = json.loads(json.dumps(sound))
        change(values)
        return json.dumps(values).encode()

    layer = "layers"
    changes: list[Any] = [
        lambda it: it.update(format=True),
        lambda it: it.update(images=it["images"][::-1]),
        lambda it: it["images"].append(it["images"][-1]),
        lambda it: it.update(size=[8, "8"]),
        lambda it: it[layer].append(it[layer][0]),
        lambda it: it[layer][0].update(shape=[4, 5, 10**9]),
        lambda it: it[layer][0]["channels"].pop(),
        lambda it: it[layer][0]["channels"][0].reverse(),
        lambda it: it[layer][0]["channels"][0].append(it[layer][0]["channels"][0][-1]),
        lambda it: it[layer][0]["channels"][0][0].__setitem__(0, float("nan")),
        lambda it: it[layer][0]["channels"][0][0].__setitem__(0, 10**400),
        lambda it: it[layer][0]["channels"][0][0].__setitem__(1, 4),
        lambda it: it[layer][0]["channels"][0][0].__setitem__(2, -1),
        lambda it: it[layer][0]["channels"][0][0].__setitem__(3, 12),
        lambda it: it[layer][0]["seen"].update(size=None),
        lambda it: it[layer][0]["seen"].update(extent="all"),
        lambda it: it[layer][0]["seen"].update(offset=[1]),
    ]
    for change in changes:
        with pytest.raises((ValueError, TypeError, KeyError, OverflowError)):
            decoded(changed(change))


def layer_with(seen: ReceptiveField | None) -> LayerPeaks:
    return LayerPeaks(index=1, path="conv", shape=(4, 4, 1), seen=seen, channels=[ChannelPeaks()])


def test_boxes_worked_out_on_paper() -> None:
    # offset 0.5: the centre of the first field is the edge between the first two pixels; size 4: two pixels to each side
    seen = ReceptiveField(extent="part", size=(4.0, 4.0), stride=(2.0, 2.0), offset=(0.5, 0.5))
    assert box_of(Peak(1.0, 0, 1, "i"), layer_with(seen), (8, 8)) == (0, 1, 3, 5)
    assert box_of(Peak(1.0, 3, 3, "i"), layer_with(seen), (8, 8)) == (5, 5, 8, 8)
    beyond = replace(seen, offset=(-30.0, 90.0))
    assert box_of(Peak(1.0, 0, 0, "i"), layer_with(beyond), (8, 8)) == (0, 7, 1, 8)
    assert box_of(Peak(1.0, 0, 0, "i"), layer_with(ReceptiveField(extent="whole")), (8, 6)) == (0, 0, 8, 6)
