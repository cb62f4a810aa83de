"""Write bench/results.md from bench/results.json: python bench/table.py"""

import json
from pathlib import Path

from run import QUOTED

HERE = Path(__file__).parent


def rows(cases: dict) -> dict[str, dict[str, dict]]:
    "Cases by row of the table, then by who."
    found: dict[str, dict[str, dict]] = {}
    for name, figures in cases.items():
        row, who = name.split("/", 1)
        found.setdefault(row, {})[who] = figures
    for row, who, cpu, extra in QUOTED:
        found.setdefault(row, {})[who] = {"cpu": cpu, "extra": extra}
    return found


def seconds(value: float) -> str:
    "In a unit that reads well."
    return f"{1000 * value:.2f} ms" if value < 0.1 else f"{value:.2f} s"


class Figures:
    "The figures of the cases, NaN where there are none, so that nothing holds by default."

    def __init__(self, results: dict):
        self.cases, self.heads, self.gallery = results["cases"], results["heads"], results.get("gallery")

    def __call__(self, row: str, who: str = "reid_course", key: str = "cpu") -> float:
        return self.cases.get(f"{row}/{who}", {}).get(key, float("nan"))


Goal = tuple[str, str, str, bool]  # what, what was to be reached, what was found, whether it was


def cost(figures: Figures, row: str, most_s: float, most_mib: float = float("inf")) -> Goal:
    "So many seconds, and so much memory."
    s, mib = figures(row), figures(row, key="extra")
    asked = f"≤ {seconds(most_s)}" + (f", ≤ {most_mib:.0f} MiB" if most_mib < float("inf") else "")
    return row, asked, f"{seconds(s)}, {mib:.1f} MiB", s <= most_s and mib <= most_mib


def ratio(row: str, found: float, asked: str, least: float = 0.0, most: float = float("inf")) -> Goal:
    "So many times something else."
    return row, asked, f"{found:.2f} ×", least <= found <= most


def heads(figures: Figures, model: str, title: str) -> Goal:
    "What the heads add to a step, beside what their own operations take alone."
    added, alone = figures.heads[model]["step"], figures.heads[model]["alone"]
    row = f"training step, {title} beyond ResNet: {seconds(added)}, its heads alone {seconds(alone)}"
    return row, "≤ 1.5 × the heads alone", f"{added / alone:.2f} ×", added <= 1.5 * alone


def recall(figures: Figures, search: str, title: str) -> Goal:
    "How much of an exact search's ten an indexed one finds."
    g = figures.gallery or {"pictures": 1_000_000, search: {"recall": float("nan")}}
    found = g[search]["recall"]
    row = f"gallery on disk, {g['pictures']:,} pictures{title}: recall@10 against exact"
    return row, "≥ 0.95", f"{found:.3f}" if found == found else "not run", found >= 0.95


def goals(figures: Figures) -> list[Goal]:
    "What was to be reached, what was found, and whether it was."
    nchw, step = "fp32, NCHW: what every peer runs", figures("training step, ResNet", key="wall")
    faster = {
        row: figures(row, nchw, "wall") / figures(row, key="wall")
        for row in ("training step, ResNet", "extraction, 128 images")
    }
    feed = step / 64 / (figures("input, 256 images", "reid_course, from files") / 256)
    draw = figures("MiniMarket, 40 people", key="made") / figures("MiniMarket, 40 people")
    start = figures("start", "import reid_course.data") / figures("start", "import pandas")
    say = figures("start", "reid-course --help")
    big = figures("evaluate_embeddings, 100,000 × 1,000,000", key="extra")
    return [
        cost(figures, "evaluate_retrieval", 0.45, 32),
        cost(figures, "evaluate_embeddings", 1.0, 128),
        (
            "evaluate_embeddings, 100,000 × 1,000,000",
            "≤ 128 MiB",
            f"{big:.1f} MiB" if big == big else "not run",
            big <= 128,
        ),
        recall(figures, "search", ""),
        recall(figures, "filter", ", a filter that keeps 1 %"),
        cost(figures, "re_rank", 25, 2560),
        cost(figures, "triplet loss, all, P32K8", 0.008, 40),
        cost(figures, "triplet loss, all, P32K16", 0.060),
        cost(figures, "triplet loss, hard, P32K8", 0.003),
        *(ratio(row, found, "≥ 3 × fp32 NCHW", least=3) for row, found in faster.items()),
        ratio("input, decoded and varied on one core", feed, "≥ 10 × the training step's images", least=10),
        heads(figures, "convhead", "ConvHead"),
        heads(figures, "sa", "SA"),
        ("MiniMarket, one core", "≥ 300 images/s", f"{draw:.0f} images/s", draw >= 300),
        ratio("import reid_course.data", start, "≤ 1.2 × import pandas", most=1.2),
        ("reid-course --help", "≤ 0.50 s", seconds(say), say <= 0.5),
    ]


def in_words(m: dict) -> str:
    "A day and a machine."
    fast = "AMX" if m["amx_bf16"] else "AVX512-BF16" if m["avx512_bf16"] else "no bf16 units"
    where = f"{m['processor']}, {m['cores']} cores, {fast}, Python {m['python']}, torch {m['torch']}"
    return f"{m['date']} ({where})"


def introduction(m: dict) -> list[str]:
    "Where the figures come from and how to read them."
    return [
        "# Measured",
        "",
        f"`make bench` measured this on {in_words(m)}; sections that were measured elsewhere say so.",
        "",
        "Seconds are CPU seconds of the best call in three processes, on one thread; the network's rows use two "
        "threads and tell the time that passed. MiB are what a call takes beyond its input, at its peak. *Spread* is "
        "how far the slowest of the processes lies above the fastest. Figures marked as quoted were measured "
        "elsewhere, with what the package registry does not have.",
        "",
    ]


def section(row: str, cases: dict[str, dict]) -> list[str]:
    "One table: everybody at the same task, the fastest first."
    own = next((f for who, f in cases.items() if who.startswith("reid_course") and "cpu" in f), {})
    key = "wall" if own.get("threads") == 2 else "cpu"
    title = f"`{row}`" if "_" in row else row[0].upper() + row[1:]
    lines = ["", f"## {title}", "", "| | seconds | × ours | extra MiB | spread |"]
    lines += ["| --- | --: | --: | --: | --: |"]
    for who, f in sorted(cases.items(), key=lambda item: item[1].get(key, item[1].get("cpu", 1e9))):
        if "failed" in f:
            lines.append(f"| {who} | did not run: {f['failed']} | | | |")
            continue
        value = f.get(key, f["cpu"])
        times = f"{value / own[key]:.2f}" if own else ""
        spread = f"{100 * f['spread']:.0f} %" if f.get("processes", 1) > 1 else "–"
        lines.append(f"| {who} | {seconds(value)} | {times} | {f['extra']:.1f} | {spread} |")
    return lines


def behind(table: dict[str, dict[str, dict]]) -> list[str]:
    "Whoever is faster than this project at the same task, limits left out: said plainly."
    lines = []
    for row, cases in table.items():
        own = next((f for who, f in cases.items() if who.startswith("reid_course") and "cpu" in f), None)
        for who, f in cases.items() if own else ():
            key = "wall" if own.get("threads") == 2 else "cpu"
            other = f.get(key, f.get("cpu", float("inf")))
            if not who.startswith(("reid_course", "limit")) and other < 0.95 * own[key]:
                lines.append(f"- {row}: {who} takes {other / own[key]:.2f} of our time")
    return ["", "## Where somebody is faster", "", *(lines or ["Nowhere in these tables."])]


def of_gallery(g: dict) -> list[str]:
    "What a gallery on disk takes."
    exact, search, fits, words, adding = (
        g[n] for n in ("exact", "search", "filter", "words", "while adding")
    )
    lines = [
        "",
        f"## A gallery on disk, {g['pictures']:,} × {g['width']}",
        "",
        "Made people, 20 pictures each, whose embeddings lie together as a network's do (`bench/gallery.py` says how). "
        "All cores; seconds that passed, of the search in the middle. MiB are what a step takes at its peak beyond "
        "what there was before; the searches are a process of their own."
        + (f" Measured on {in_words(g['machine'])}." if "machine" in g else ""),
        "",
        "| | seconds | 99 of 100 within | recall@10 | extra MiB |",
        "| --- | --: | --: | --: | --: |",
        f"| add, 50,000 at a time | {seconds(g['add']['seconds'])} | | | {g['add']['MiB']:.0f} |",
        f"| build the index | {seconds(g['index']['seconds'])} | | | {g['index']['MiB']:.0f} |",
    ]
    for name, f in (
        ("search, no index", exact),
        ("search", search),
        ("search, a filter that keeps 1 %", fits),
        ("words alone", words),
        (f"search, while {adding['added']:.0f} pictures a second are added", adding),
    ):
        found = f"{f['recall']:.3f}" if "recall" in f else ""
        extra = f"{f['MiB']:.0f}" if "MiB" in f else ""
        slowest = seconds(f["p99"]) if "p99" in f else ""
        lines.append(f"| {name} | {seconds(f['median'])} | {slowest} | {found} | {extra} |")
    there = "All that was added was there" if adding["there"] else "**Not all that was added was there**"
    return [*lines, "", f"On disk: {g['size']:.0f} MiB, {g['size of index']:.0f} of them the index. {there}."]


def growing(growth: dict[str, dict]) -> list[str]:
    "How the cost of a function grows."
    lines = [
        "",
        "## How the cost grows",
        "",
        "| | in | CPU seconds | exponent |",
        "| --- | --- | --- | --: |",
    ]
    for row, g in growth.items():
        points = ", ".join(f"{n:,}: {seconds(s)}" for n, s in zip(g["numbers"], g["cpu"], strict=True))
        lines.append(f"| {row} | {g['what']} | {points} | {g['exponent']:.2f} |")
    return lines


def main() -> None:
    results = json.loads((HERE / "results.json").read_text())
    lines = [*introduction(results["machine"]), "## What was to be reached", ""]
    lines += ["| | to reach | found | |", "| --- | --- | --- | --- |"]
    for what, asked, found, holds in goals(Figures(results)):
        lines.append(f"| {what} | {asked} | {found} | {'holds' if holds else '**falls short**'} |")
    table = rows(results["cases"])
    lines += behind(table)
    for row, cases in table.items():
        lines += section(row, cases)
    if "gallery" in results:
        lines += of_gallery(results["gallery"])
    (HERE / "results.md").write_text("\n".join(lines + growing(results["growth"])) + "\n")


if __name__ == "__main__":
    main()
