"""CPU time of every encoder at hand, and of builds of one library against each other.

    python benchmarks/encoders.py [--images DIR] [--only ID ...] [--rounds N]
    python benchmarks/encoders.py --study [--images DIR]

The first form encodes each photograph with each encoder that can be used here, at three values of its parameter for
speed (speed, effort or method), in turn, and prints the CPU milliseconds per megapixel (the fastest round of each
photograph, summed), the bytes, and the time relative to the fastest build of the same library. A build that takes
1.15 times as long as another of the same library or more gets a warning.

``--study`` measures the built-in study format-comparison once, with its AVIF settings by both ``avif`` and
``avif-pillow``, and prints what the study costs with each of them: encoding, decoding and all metrics.

Without --images the photographs of the dataset "sample" are used.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from codecstudy import PipelineRunner, codecs, host
from codecstudy.datasets import open_sample
from codecstudy.images import load
from codecstudy.study import StudyConfig
from codecstudy.study.builtin import load_builtin
from codecstudy.types import Pixels, Setting

LEVELS = {"speed": (4, 6, 8), "effort": (3, 5, 7), "method": (0, 4, 6)}
"""Values of a parameter for speed at which an encoder is measured, slow or fast first as its scale begins."""

SLOW = 1.15


def settings_of(name: str) -> dict[str, Setting]:
    """Settings at quality 75 by how their speed is written."""
    facts = codecs.get(name).facts
    parameter = next((p for p in facts.parameters if p.name in LEVELS), None)
    if parameter is None:
        return {"": Setting.of(facts.format, encoder=name, quality=75)}
    return {
        f"{parameter.name} {level}": Setting.of(
            facts.format, encoder=name, quality=75, **{parameter.name: level}
        )
        for level in LEVELS[parameter.name]
        if parameter.accepts(level)
    }


def photographs(folder: Path | None) -> list[Path]:
    """The images of a folder, or of the dataset "sample"."""
    if folder is None:
        sample = open_sample()
        return [sample.folder / image for image in sample.images]
    return sorted(
        path for path in folder.iterdir() if path.suffix.lower() in (".png", ".jpg", ".webp", ".tif")
    )


def compare_builds(images: list[Pixels], only: list[str] | None, rounds: int) -> None:
    """Print the table of all encoders, and the warnings."""
    cases = []
    for name in only or codecs.names():
        if (lacking := codecs.get(name).missing()) is not None:
            print(f"{name}: not measured: {lacking}")
            continue
        if codecs.get(name).facts.parameter("quality") is None:
            print(f"{name}: not measured: it has no parameter quality")
            continue
        cases += [(name, speed, setting) for speed, setting in settings_of(name).items()]
    seconds: dict[tuple[str, str], list[float]] = {}
    sizes: dict[tuple[str, str], int] = {}
    for name, speed, _ in cases:
        seconds[name, speed], sizes[name, speed] = [float("inf")] * len(images), 0
    # Each photograph by all encoders in turn, so that a change of the machine's speed meets all of them.
    for _ in range(rounds):
        for i, pixels in enumerate(images):
            for name, speed, setting in cases:
                made = codecs.get(name).encoded(pixels, setting)
                best = seconds[name, speed]
                best[i] = min(best[i], made.cost.cpu_time)
                sizes[name, speed] += len(made.data)
    megapixels = sum(pixels.shape[0] * pixels.shape[1] for pixels in images) / 1e6
    print(f"{len(images)} photographs, {megapixels:.1f} MP, {rounds} rounds; {host.cpu_model()}")
    print(f"{'encoder':14} {'':10} {'CPU ms/MP':>10} {'bytes':>10} {'x fastest':>9}  version")
    warnings = []
    for name, speed, _ in cases:
        version = codecs.get(name).version()
        mine = sum(seconds[name, speed])
        others = {
            other: sum(seconds[other, same])
            for other, same in seconds
            if same == speed and codecs.get(other).version().split()[0] == version.split()[0]
        }
        fastest = min(others, key=lambda other: others[other])
        ratio = mine / others[fastest]
        print(
            f"{name:14} {speed:10} {1000 * mine / megapixels:10.1f} {sizes[name, speed] // rounds:10} "
            f"{ratio if len(others) > 1 else 1:9.2f}  {version}"
        )
        if ratio >= SLOW:
            warnings.append(
                f"warning: {name} ({version}) takes {ratio:.2f} times the CPU time of {fastest} "
                f"({codecs.get(fastest).version()}) at {speed or 'its default'}"
            )
    print("\n".join(warnings))


def compare_studies(folder: Path | None) -> None:
    """Print what format-comparison costs with AVIF by imagecodecs' and by Pillow's build."""
    document = load_builtin("format-comparison").to_dict()
    again = [{**e, "encoder": "avif-pillow"} for e in document["encoders"] if e["format"] == "avif"]
    config = StudyConfig.model_validate({**document, "encoders": [*document["encoders"], *again]})
    with tempfile.TemporaryDirectory(prefix="codecstudy-bench-") as root:
        records = PipelineRunner(Path(root)).run(config, images=folder, num_workers=1).measurements
    failed = [record for record in records if record.status != "measured"]
    cost: dict[str, list[float]] = {}
    for r in records:
        if r.status == "measured":
            parts = (r.encoding_cpu_time or 0.0, r.decoding_cpu_time or 0.0, r.metrics_cpu_time or 0.0)
            sums = cost.setdefault(r.setting.encoder, [0.0, 0.0, 0.0])
            cost[r.setting.encoder] = [a + b for a, b in zip(sums, parts, strict=True)]
    images = len({record.source_image for record in records})
    print(f"{images} images, {len(records)} tasks, {len(failed)} not measured; {host.cpu_model()}")
    print(f"{'encoder':14} {'encode':>9} {'decode':>9} {'metrics':>9}  CPU seconds")
    for name, (encode, decode, metrics) in cost.items():
        print(f"{name:14} {encode:9.1f} {decode:9.1f} {metrics:9.1f}")
    total = {
        left: sum(sum(parts) for name, parts in cost.items() if name != left)
        for left in ("avif", "avif-pillow")
    }
    new, old = total["avif-pillow"], total["avif"]
    print(f"format-comparison with avif-pillow: {old:.1f} CPU s; with avif: {new:.1f} ({new / old - 1:+.1%})")
    new, old = cost["avif"][0], cost["avif-pillow"][0]
    print(f"its AVIF encodes with avif-pillow: {old:.1f} CPU s; with avif: {new:.1f} ({new / old - 1:+.1%})")


def main() -> None:
    """Read the arguments and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, help="folder of photographs (default: the dataset sample)")
    parser.add_argument("--only", nargs="+", metavar="ID", help="only these encoders")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument(
        "--study", action="store_true", help="what format-comparison costs with each AVIF build"
    )
    arguments = parser.parse_args()
    if arguments.study:
        compare_studies(arguments.images)
    else:
        images = [load(path).pixels for path in photographs(arguments.images)]
        compare_builds(images, arguments.only, arguments.rounds)


if __name__ == "__main__":
    main()
