//! Bars of CPU time for each request, as SVG. The background is left out and the colours are of middling lightness,
//! with a lighter text where the reader's scheme is dark, so that it is legible on a white page and on a black one.

use std::fmt::Write as _;

/// One scenario.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) bars: Vec<Bar>,
}

#[derive(Clone, Debug)]
pub(crate) struct Bar {
    pub(crate) name: String,
    /// µs of CPU for each request.
    pub(crate) cpu: f64,
    /// As a multiple of plain nginx's, where that was measured.
    pub(crate) ratio: Option<f64>,
    /// Whether it is the one that the page is about.
    pub(crate) is_ours: bool,
}

impl Panel {
    fn height(&self) -> usize {
        TITLE + ROW * self.bars.len()
    }
}

// In pixels.
const WIDTH: usize = 760;
const TITLE: usize = 34;
const ROW: usize = 22;
const BAR: usize = 14;
const NAMES: usize = 150;
/// Right of the longest bar, for its figures.
const FIGURES: usize = 130;
const FOOT: usize = 30;

const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#424a53}.title{font-weight:600}.foot{font-size:11px}\
.peer{fill:#8c959f}.ours{fill:#2f81f7}@media(prefers-color-scheme:dark){text{fill:#c9d1d9}}";

/// All panels below each other, on one scale, with a line that says what they are.
pub(crate) fn draw(panels: &[Panel], foot: &str) -> String {
    let height = panels.iter().map(Panel::height).sum::<usize>() + FOOT;
    let most = panels.iter().flat_map(|panel| &panel.bars).map(|bar| bar.cpu).fold(1.0, f64::max);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n<title>{}</title>\n<style>{STYLE}</style>\n",
        escape(foot)
    );
    let mut top = 0;
    for panel in panels {
        text(&mut svg, (0, top + 22), "title", &panel.title);
        for (number, bar) in panel.bars.iter().enumerate() {
            draw_bar(&mut svg, top + TITLE + ROW * number, bar, most);
        }
        top += panel.height();
    }
    text(&mut svg, (0, top + 20), "foot", foot);
    svg.push_str("</svg>\n");
    svg
}

fn draw_bar(svg: &mut String, top: usize, bar: &Bar, most: f64) {
    let length = length(bar.cpu / most);
    let class = if bar.is_ours { "ours" } else { "peer" };
    let baseline = top + BAR - 2;
    text(svg, (0, baseline), if bar.is_ours { "title" } else { "name" }, &bar.name);
    line(
        svg,
        format_args!(
            "<rect class=\"{class}\" x=\"{NAMES}\" y=\"{top}\" width=\"{length}\" height=\"{BAR}\" rx=\"2\"/>"
        ),
    );
    let ratio = bar.ratio.map_or_else(String::new, |ratio| format!(" · {ratio:.2} ×"));
    let after = NAMES + length + 6;
    text(svg, (after, baseline), "figure", &format!("{:.1} µs{ratio}", bar.cpu));
}

/// Of a bar, as a part of the longest.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels, within the width")]
fn length(part: f64) -> usize {
    (part * (WIDTH - NAMES - FIGURES) as f64).round() as usize
}

fn text(svg: &mut String, (x, y): (usize, usize), class: &str, words: &str) {
    line(svg, format_args!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>", escape(words)));
}

fn line(svg: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(svg, "{line}").expect("a text takes what is written to it");
}

fn escape(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
