"""Writes docs/generated/gallery.md: the figures of the five papers as fipjax draws them, beside what the papers say one sees there.

Statements are in our words; the numbers behind them, and how they were made, stand on the page of each paper.  Dates are those of
the last change of the picture.
"""

from __future__ import annotations

import datetime
import subprocess
from dataclasses import dataclass
from pathlib import Path

from generate_kernels import write_if_changed

HERE = Path(__file__).resolve().parent
OUT = HERE / "generated" / "gallery.md"
THUMBNAIL = 420  # pixels


@dataclass(frozen=True)
class Entry:
    """figure: its number in the paper.  picture: name of the PNG in docs/ (None: not drawn, and ``right`` says why)."""

    figure: str
    picture: str | None
    script: str
    paper: str
    right: str
    printed: str = ""


@dataclass(frozen=True)
class Paper:
    """title, arXiv number ("": no paper), page with the numbers, entries."""

    title: str
    arxiv: str
    page: str
    entries: tuple[Entry, ...]


DIAGRAM = "Feynman diagrams: nothing to compute."

GALLERY = (
    Paper(
        "Light vectors in b -> s mu mu",
        "2106.12582",
        "fits_2106.12582.md",
        (
            Entry(
                "1(a)",
                "fig1a.png",
                "fig1a.py",
                "Model 44: at high mass the product of couplings rises with m_V, from 1e-8 at 4 GeV to 1e-6; low-mass"
                " solutions near 1 GeV"
                " with a width of 0.4 to 0.5; solutions below 200 MeV; 2.5 GeV disfavoured.",
                "Correlation of mass and product 0.99, 10^-8.1 to 10^-7.7 at 4 to 5 GeV and 10^-6.7 to 10^-6.4 at 18 to 20"
                " GeV; low masses"
                " 0.44 to 1.05 GeV; below 200 MeV nothing competes (weight 2e-5); 2.0 to 2.8 GeV has a weight of 4e-7.",
            ),
            Entry(
                "1(b)",
                "fig1b.png",
                "fig1b.py",
                "Model 64; 46 gives the same fit.",
                "Low masses 0.33 to 0.80 GeV, high masses around 14 GeV; models 46 and 64 agree exactly (difference in chi2: 0).",
            ),
            Entry(
                "2",
                "fig2.png",
                "fig2.py",
                "Model 66.",
                "Low masses peak at 1.0 GeV; best fit 35 better in chi2 than the Standard Model at high masses.",
            ),
            Entry(
                "3(a)",
                "fig3a.png",
                "fig3a.py",
                "Model 44: points survive all bounds only above about 4 GeV, some without tuning of the g-2.",
                "Survivors from 4.0 to 20 GeV, nearly all above M_B - M_K; 3036 of 3839 need no axial coupling.",
                "High masses 773 of 8467 points pass; low masses 5, in the veto of the phi.",
            ),
            Entry(
                "3(b)",
                "fig3b.png",
                "fig3b.py",
                "Model 64: many points below 1 GeV pass the flavour bounds with large muon couplings and are excluded by W decays.",
                "1679 of 34975 points pass flavour bounds, at 0.36 to 0.85 GeV; none survives W decays.",
                "122 of 8543 pass flavour bounds, none W decays.",
            ),
            Entry(
                "4",
                "fig4.png",
                "fig4.py",
                "Model 66: almost nothing survives.",
                "Nothing survives.",
                "Nothing survives.",
            ),
        ),
    ),
    Paper(
        "Split dark sector",
        "2002.11150",
        "split_2002.11150.md",
        (
            Entry("1", None, "", "Diagrams of the loop.", DIAGRAM),
            Entry(
                "2",
                "split_fig2.png",
                "split_fig2.py",
                "b-s coupling against the mass of the heavy scalar; a dark fermion of 1 GeV halves it.",
                "Same size for 1 MeV; no loss for 1 GeV, because q^2 cuts the logarithm off.",
                "The paper's numbers to 4e-4.",
            ),
            Entry(
                "3",
                "split_fig3.png",
                "split_fig3.py",
                "Bound on the b-s coupling: saturates at small mass for a large dark coupling; for heavy dark fermions B ->"
                " K* V(mu mu) excludes"
                " everything above 2 m_mu.",
                "Saturates at 3.4e-8; yes, but for LHCb's vetoed regions.",
                "Saturates at 4.0e-8.",
            ),
            Entry(
                "4",
                "split_fig4.png",
                "split_fig4.py",
                "High masses: all points below M_B - M_K excluded by B -> K + invisible; many above need no tuning; some"
                " escape the tridents at 5"
                " to 7 GeV.",
                "13 of 3863 points below pass, all tuned; 1078 of 2198 above need no tuning; 16 pass the tridents.",
                "127 of 2356 below pass (none if branching fractions are in the fit); 569 of 1140; 3 pass the tridents.",
            ),
            Entry(
                "5",
                "split_fig5.png",
                "split_fig5.py",
                "Low masses: nothing below 1.4 GeV because of Bs -> mu mu; the points that are left are few, tuned, with R_K"
                " 2 to 3 sigma high.",
                "Not found: Bs -> mu mu has no effect, 10336 points of 0.6 to 1.35 GeV fit, R_K is 0.6 sigma high or less.",
                "Not found either: 88 untuned points of 0.6 to 1.25 GeV; the cause of the disagreement is not established.",
            ),
            Entry(
                "6",
                "split_fig6.png",
                "split_fig6.py",
                "Two dark fermions of opposite couplings escape Bs mixing, one does not.",
                "Yes: couplings up to 9.0 (7.1 to 7.9 with a difference of 0.05) instead of 0.09; 439 of 673 points, none"
                " with one fermion.",
                "Up to 8.7 (6.8 to 7.5); 639 of 901 points, 15 with one fermion.",
            ),
            Entry(
                "Table 1",
                "split_fit.png",
                "split_fit.py",
                "Priors of the fit; the paper shows points, no posterior.",
                "High masses: 5.7 GeV (3.7 to 9.5), low masses 0.73 GeV (0.64 to 0.88), medians and 68 %.",
                "5.6 GeV (4.0 to 8.3) and 0.86 GeV (0.68 to 1.19).",
            ),
        ),
    ),
    Paper(
        "Dark photon and dark Z",
        "2210.15662",
        "dark_z_2210.15662.md",
        (
            Entry("1", None, "", "Diagrams.", DIAGRAM),
            Entry(
                "2",
                "dark_z_fig2.png",
                "dark_z_fig2.py",
                "Hadronic width against mass for several mixings, which the text does not name.",
                "Drawn for mixings of our choice.",
                "11 % smaller at 0.3 GeV; nothing below the muon threshold.",
            ),
            Entry(
                "3",
                "dark_z_fig3.png",
                "dark_z_fig3.py",
                "Bs mixing excludes a mass mixing above 1e-3 below 60 MeV.",
                "Below 33 MeV with the paper's numbers, 25 MeV with today's; the shift has the other sign.",
                "Below 30 MeV.",
            ),
            Entry(
                "4",
                "dark_z_fig4.png",
                "dark_z_fig4.py",
                "Bs -> mu mu allows a mass mixing of 0.01.",
                "No: 3.5e-4 (m_V/100 MeV), because of the longitudinal part of the propagator.",
                "Yes: 0.015 to 0.025.",
            ),
            Entry(
                "5",
                "dark_z_fig5.png",
                "dark_z_fig5.py",
                "B -> K(*) nu nu stays a factor of 10 below its bounds at a mass mixing of 0.1.",
                "No: 6e4 to 1.6e8 times above them.",
                "No: 2.6e4 to 1.3e8 times above, with the paper's own formulas.",
            ),
            Entry(
                "6",
                "dark_z_fig6.png",
                "dark_z_fig6.py",
                "K -> mu + invisible: mixing of 1e-3 far below the bound; g_mu below 0.01 in case B.",
                "Mixing: yes; g_mu below 2.2e-3, 6.9e-3, 2.7e-2 at 10, 30, 100 MeV.",
                "g_mu below 5.5e-3, 1.7e-2, 6.5e-2.",
            ),
            Entry(
                "7",
                "dark_z_fig7.png",
                "dark_z_fig7.py",
                "K -> mu nu e e sees g_mu of 1e-3 from 145 to 200 MeV.",
                "g_mu below 7.2e-4 at 150, 1.3e-3 at 200 MeV.",
                "1.0e-3 and 1.8e-3.",
            ),
            Entry(
                "8",
                "dark_z_fig8.png",
                "dark_z_fig8.py",
                "Pion decay excludes g_mu = 0.1 below 15 MeV for comparable mixings.",
                "Below 15.5 MeV (16.5 MeV for ten times the mass mixing). PIENU's limits against mass are not available as"
                " numbers: its limit on"
                " three neutrinos stands in for them.",
                "Below 11.8 MeV (13.8 MeV).",
            ),
            Entry(
                "9",
                "dark_z_fig9.png",
                "dark_z_fig9.py",
                "Weak charges are the strongest bound on mass mixing.",
                "Same numbers, 1.4e-5 at 10 MeV and 1.2e-4 at 100 MeV, but B -> K(*) inv and K -> pi inv are stronger.",
                "The shape of the paper.",
            ),
            Entry("10", None, "", "Diagrams.", DIAGRAM),
            Entry(
                "11",
                "dark_z_fig11.png",
                "dark_z_fig11.py",
                "Case A: best fit at 10 MeV and a mass mixing of 0.002, chi2 85.8.",
                "No solution: chi2 92.3 of 93.5 at 0.31 GeV; the paper's point has 6e12.",
                "79.5 in the same corner of the scan; 82.4 at the paper's point.",
            ),
            Entry(
                "12",
                "dark_z_fig12.png",
                "dark_z_fig12.py",
                "Case B: best fit at 10.3 MeV, g_mu = 0.28, chi2 75.15.",
                "73.7 at 0.21 GeV, g_mu = -0.5; below 200 MeV above 1e5.",
                "72.9, along a flat direction; 79.9 at the paper's point.",
            ),
            Entry(
                "13",
                "dark_z_fig13.png",
                "dark_z_fig12.py --case C",
                "Case C: best fit at 30 MeV, g_mu = 0.033, chi2 56.90; a window at 100 to 200 MeV escapes the bounds.",
                "55.8; the window is closed by K -> mu nu inv and B -> K* nu nu.",
                "55.2 along the flat direction; the window is open.",
            ),
            Entry(
                "(not in the paper)",
                "dark_z_exclusion.png",
                "dark_z_exclusion.py",
                "",
                "What all bounds together leave: case A below mixings of some 1e-8 to 1e-6, cases B and C nothing but LHCb's"
                " veto of the phi; slits between the fluctuations of dark-photon limits for a kinetic mixing of 1e-3.",
            ),
        ),
    ),
    Paper(
        "U(1)_T3R",
        "2105.07655",
        "t3r.md",
        (
            Entry("1, 5", None, "", "Diagrams.", DIAGRAM),
            Entry(
                "2",
                "t3r_fig2.png",
                "t3r_fig2.py",
                "The two loop functions of the g-2 cross near equal ratios.",
                "They cross at r = 0.787, at 0.601.",
            ),
            Entry(
                "3",
                "t3r_fig3.png",
                "t3r_fig3.py",
                "g-2 fixes the mass of the scalar: 74 to 86 MeV for a visible, 95 to 102 MeV for an invisible A'; windows in"
                " the mass of A'.",
                "0.6 MeV higher. NA48/2, left out there, leaves 119 to 211 MeV of the visible window; NA64mu closes the"
                " invisible one.",
                "73.2 to 86.6 MeV. Searches are recast, COHERENT and Crystal Barrel are taken from the paper.",
            ),
            Entry(
                "4",
                "t3r_fig4.png",
                "t3r_fig4.py",
                "Scattering of dark matter off nucleons (formulas not printed).",
                "1e-39 to 2.8e-35 cm^2 by the scalar, 1.9e-38 to 1.6e-36 cm^2 by A', 10 to 100 MeV; our formulas, nothing to"
                " compare with.",
            ),
            Entry(
                "6",
                "t3r_fig6.png",
                "t3r_fig6.py",
                "Displacement that an experiment needs, against energy.",
                "1.88 mm (110 MeV) and 0.17 mm (200 MeV) per GeV and logarithm of the number; the paper's marks are not given"
                " as numbers.",
            ),
            Entry(
                "Tables I, II",
                "t3r_fit.png",
                "t3r_fit.py",
                "Four benchmarks fit R_K(*) and Bs -> mu mu with pulls of 3.8 to 4.6.",
                "Pulls of 3.7 to 4.4; benchmarks B and D break the bound on B -> K* nu nu.",
                "Table II to 2 %, but for a misprint.",
            ),
        ),
    ),
    Paper(
        "Muoquarks",
        "2103.13991",
        "muoquarks_2103.13991.md",
        (
            Entry(
                "1",
                "muoquark_fig1.png",
                "muoquark_fig1.py",
                "Best couplings (0.43, 0.12), improvement of 62 in chi2 (smelli).",
                "(0.398, 0.116) and 55.9 with five numbers; (0.415, 0.111) and 71.4 with 303 numbers. Other data and errors"
                " than smelli's.",
                "Sign of the caption's spurion: -136.",
            ),
            Entry(
                "2",
                "muoquark_fig2.png",
                "muoquark_fig2.py",
                "g_X = 0.12 reaches the Planck mass, 0.15 about, 0.25 ends at 1e11 GeV.",
                "No pole up to 0.12; 3e18 GeV for 0.15; 1.3e11 GeV for 0.25. One loop, the paper has two and three.",
            ),
            Entry(
                "3",
                "muoquark_fig3.png",
                "muoquark_fig3.py",
                "A light X explains g-2; small kinetic mixing opens a region.",
                "With the paper's bounds yes: 99 to 210 MeV, and 7 to 49 MeV for small mixing. COHERENT, neutrino matter"
                " effects and NA64mu, which came"
                " later or are left out, close it for B - 3 L_mu; L_mu - L_tau keeps 7 to 52 MeV.",
                "Panels not readable in numbers: only the statements are compared.",
            ),
            Entry(
                "4",
                "muoquark_fig4.png",
                "muoquark_fig4.py",
                "R_D(*) want a product of couplings of size 0.7 at 1.5 TeV.",
                "-0.66 (flavio's prediction) or -0.52 (HFLAV's); the paper's bounds from pp -> tau tau are not included.",
            ),
        ),
    ),
    Paper(
        "Light scalar",
        "",
        "physics.md",
        (
            Entry(
                "(of no paper)",
                "light_scalar_exclusion.png",
                "light_scalar_exclusion.py",
                "",
                "LHCb's searches for B -> K(*) S exclude b-s couplings above 3e-10 below m_B - m_K, but for its vetoes; above,"
                " Bs -> mu mu decides.",
            ),
        ),
    ),
)


def date(picture: str) -> str:
    """Day of the last change of a picture: that of git, or of the file where there is no git."""
    path = HERE / picture
    try:
        run = subprocess.run(
            ["git", "log", "-1", "--format=%as", "--", path.name], cwd=HERE, capture_output=True, text=True, timeout=20, check=True
        )
        if run.stdout.strip():
            return run.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        pass
    return datetime.date.fromtimestamp(path.stat().st_mtime).isoformat()


def thumbnail(picture: str) -> str:
    """Smaller copy in docs/generated/gallery; returns its path relative to the page."""
    from PIL import Image

    source, target = HERE / picture, OUT.parent / "gallery" / picture
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(source) as image:
            small = image.convert("RGB")
            small.thumbnail((THUMBNAIL, 2 * THUMBNAIL))
            small.save(target)
    return f"gallery/{picture}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*") or " "


def write() -> Path:
    """The page and its thumbnails."""
    out = [
        "# Gallery", "",
        "Every figure of the five papers, as `examples/` draws it, beside what the paper says about it. \"Corrected\" is the"
        " default,"
        " \"as printed\" the papers' own formulas; where they differ is listed under [errata](../errata.md). A click opens"
        " the picture in full"
        " size. The images of the papers were not available for comparison: what is compared are statements and numbers of"
        " the texts.", "",
    ]  # fmt: skip
    for paper in GALLERY:
        name = Path(paper.page).stem
        out += [
            f"## {paper.title}" + (f", [arXiv:{paper.arxiv}](https://arxiv.org/abs/{paper.arxiv})" if paper.arxiv else ""),
            "",
            f"Numbers: [{name}](../{paper.page}).",
            "",
        ]
        out += [":::{list-table}", ":header-rows: 1", ":widths: 34 20 30 16", ":class: gallery-table", "",
                "* - figure", "  - the paper says", "  - fipjax finds", "  - script, date"]  # fmt: skip
        for e in paper.entries:
            if e.picture:
                shown = f"[![Figure {e.figure}]({thumbnail(e.picture)})](../{e.picture})"
                made = f"`{e.script}`, {date(e.picture)}"
            else:
                shown, made = "*not drawn:*", "none"
            finds = _cell(e.right) + (f" *As printed:* {_cell(e.printed)}" if e.printed else "")
            out += [f"* - {shown} {e.figure}", f"  - {_cell(e.paper)}", f"  - {finds}", f"  - {made}"]
        out += [":::", ""]
    write_if_changed(OUT, "\n".join(out))
    return OUT


def listed() -> set[str]:
    """Pictures of the gallery."""
    return {e.picture for p in GALLERY for e in p.entries if e.picture}


if __name__ == "__main__":
    print(write())
