"""Every architecture of `keras.applications`, with random weights: time, memory and page size of a whole report. On Linux.

    python -m tests.benchmarks.applications [RESULTS.jsonl] [NAME...]

Each is measured in a process of its own, and its row is added to RESULTS.jsonl (`applications.jsonl` by default) at once: started
again, it goes on with those that are missing. At the end, or with all there, it prints the table in Markdown.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from reportgen.loading.applications import APPLICATIONS

IMAGE = Path(__file__).parent.parent.parent / "sample_images" / "cat.png"

MEASURE = """
import json, re, sys, time
from pathlib import Path
start = time.perf_counter()
import reportgen
reporter = reportgen.Reporter(sys.argv[1], weights="random")
built = time.perf_counter()
report = reporter.report(sys.argv[2])
page = reportgen.render(report)
for path in sys.argv[3:]:
    Path(path).write_text(page, "utf-8")
print(json.dumps({
    "name": sys.argv[1],
    "layers": len(report.layers.rows),
    "convolutions": len(report.feature_maps.rows),
    "parameters": report.provenance.model.parameters,
    "input": report.provenance.model.input_shape,
    "build": built - start,
    "report": time.perf_counter() - built,
    # not getrusage's figure, which a process inherits from the one that started it
    "peak": int(re.search("VmHWM:\\\\s+(\\\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024 / 1e6,
    "page": len(page.encode()) / 1e6,
}))
"""
HEAD = ("Application", "Input", "Layers", "Convolutions", "Parameters", "Import and build", "Report", "Peak memory", "Page")


def measured(name: str, image: Path = IMAGE, *pages: Path) -> dict[str, Any]:
    """The figures of one application: seconds, and MB of memory and of the page, which is written to `pages`."""
    command = [sys.executable, "-c", MEASURE, name, *map(str, (image, *pages))]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return figures


def rows_in(results: Path) -> dict[str, dict[str, Any]]:
    """What was measured before, by name."""
    lines = results.read_text("utf-8").splitlines() if results.exists() else []
    return {row["name"]: row for row in map(json.loads, lines)}


def table(rows: dict[str, dict[str, Any]]) -> str:
    """The rows in Markdown, in the order of the names."""
    lines = ["| " + " | ".join(HEAD) + " |", "| --- " + "| ---: " * (len(HEAD) - 1) + "|"]
    for name in sorted(rows):
        row = rows[name]
        height, width, _ = row["input"]
        cells = (
            APPLICATIONS[name].function, f"{height} x {width}", str(row["layers"]), str(row["convolutions"]),
            f"{row['parameters']:,}", f"{row['build']:.1f} s", f"{row['report']:.1f} s", f"{row['peak']:,.0f} MB",
            f"{row['page']:.1f} MB",
        )  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    results = Path(sys.argv[1] if len(sys.argv) > 1 else "applications.jsonl")
    names = sys.argv[2:] or sorted(APPLICATIONS, key=lambda name: APPLICATIONS[name].parameters)
    for name in names:
        if name not in rows_in(results):
            row = measured(name)
            with results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
    sys.stdout.write(table(rows_in(results)) + "\n")


if __name__ == "__main__":
    main()
