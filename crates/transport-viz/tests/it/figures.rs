//! What the figures show.

use transport_viz::{Frame, Series, curves, pairs, scatter, trajectories};

use crate::{Folder, all_figures, data, document, pixels, points};

/// A PNG has two pixels to an SVG's unit, and one for images; both formats have one layout.
#[test]
fn both_formats_have_one_size() {
    let folder = Folder::new();
    let values = data::moons(200, 0.1, 1);
    let png = all_figures(&folder, &values, "png").unwrap();
    let svg = all_figures(&folder, &values, "svg").unwrap();
    for (png, svg) in png.iter().zip(&svg) {
        let name = png.file_stem().unwrap().to_str().unwrap();
        let scale = if ["grid", "blocks"].contains(&name) { 1 } else { 2 };
        let ((w, h), _) = document(svg);
        assert_eq!(pixels(png).dimensions(), (scale * w, scale * h), "{name}");
        assert!(w > 100 && h > 100, "{name}: {w} x {h}");
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let values = data::moons(500, 0.1, 2);
    for ending in ["png", "svg"] {
        let (a, b) = (Folder::new(), Folder::new());
        let first = all_figures(&a, &values, ending).unwrap();
        let second = all_figures(&b, &values, ending).unwrap();
        for (first, second) in first.iter().zip(&second) {
            assert!(std::fs::read(first).unwrap() == std::fs::read(second).unwrap(), "{first:?}");
        }
    }
}

#[test]
fn scatter_says_what_it_leaves_out() {
    let folder = Folder::new();
    let data = data::moons(1000, 0.05, 1);
    let mut samples = data::moons(1000, 0.1, 2);
    samples[0] = 1e6;
    samples[3] = f64::NAN;
    samples[5] = f64::INFINITY;
    let panels = [("data & <more>", points(&data, 2)), ("samples", points(&samples, 2))];
    scatter(&folder.path("a.svg"), &panels, (0, 1), ("x₁", "x₂")).unwrap();
    let (_, text) = document(&folder.path("a.svg"));
    for said in ["data &amp; &lt;more&gt;", "n = 1000<", "n = 1000, 1 outside, 2 not finite", "x₁"]
    {
        assert!(text.contains(said), "{said}");
    }
    assert_eq!(text.matches("<circle").count(), 1000 + 997);
}

/// Points in the middle of a panel colour its middle: gray at the left, blue at the right.
#[test]
fn scatter_draws_where_the_points_are() {
    let folder = Folder::new();
    let ring: Vec<f64> = (0..400)
        .flat_map(|i| {
            let (s, c) = (f64::from(i) * 0.1).sin_cos();
            [c, s]
        })
        .collect();
    let dot = [0.0, 0.0].repeat(400);
    let panels = [("ring", points(&ring, 2)), ("dot", points(&dot, 2))];
    scatter(&folder.path("a.png"), &panels, (0, 1), ("x", "y")).unwrap();
    let page = pixels(&folder.path("a.png"));
    let blue: Vec<(u32, u32)> = page
        .enumerate_pixels()
        .filter(|(_, _, p)| p.0[2] > 150 && p.0[0] < 60)
        .map(|(x, y, _)| (x, y))
        .collect();
    let mean = |f: fn(&(u32, u32)) -> u32| blue.iter().map(f).sum::<u32>() / blue.len() as u32;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    assert!(blue.iter().all(|p| p.0.abs_diff(x) < 12 && p.1.abs_diff(y) < 12));
    // 300 units a panel, 20 between, 16 after the last.
    assert!(page.width() - x > 2 * 150 && page.width() - x < 2 * 180, "{x} of {}", page.width());
}

#[test]
fn scatter_takes_any_two_columns_and_thins_large_clouds() {
    let folder = Folder::new();
    let table = data::table(50_000, 5, 1);
    scatter(&folder.path("a.svg"), &[("t", points(&table, 5))], (4, 2), ("e", "c")).unwrap();
    let (_, text) = document(&folder.path("a.svg"));
    assert!(text.contains("n = 50000, 1 in 3 drawn"));
    assert!((16_000..=16_667).contains(&text.matches("<circle").count()));
}

#[test]
fn one_dimension_becomes_histograms() {
    let folder = Folder::new();
    let mut draw = data::Draw(3);
    let values: Vec<f64> = (0..2000).map(|_| draw.normal()).collect();
    let panels = [("data", points(&values, 1)), ("samples", points(&values[..500], 1))];
    scatter(&folder.path("a.svg"), &panels, (0, 1), ("x", "")).unwrap();
    let (_, text) = document(&folder.path("a.svg"));
    assert!(text.contains("density") && text.contains("data (n = 2000"));
    assert!(text.contains("samples (n = 500") && !text.contains("<circle"));
}

#[test]
fn pairs_draws_six_columns_and_says_so() {
    let folder = Folder::new();
    let (data, samples) = (data::table(300, 8, 1), data::table(200, 8, 2));
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    pairs(&folder.path("a.svg"), points(&data, 8), points(&samples, 8), &names).unwrap();
    let (_, text) = document(&folder.path("a.svg"));
    assert!(text.contains("first 6 of 8 columns") && text.contains("data (n = 300"));
    assert!(text.contains(">f<") && !text.contains(">g<"));
    // 30 cells beside the diagonal, less a few points outside.
    let circles = text.matches("<circle").count();
    assert!(circles <= 30 * 500 && circles > 30 * 490, "{circles}");

    pairs(&folder.path("b.png"), points(&data, 1), points(&samples, 1), &["a"]).unwrap();
    assert!(pixels(&folder.path("b.png")).width() > 400);
}

#[test]
fn trajectories_have_a_panel_for_each_time_and_one_for_paths() {
    let folder = Folder::new();
    let clouds: Vec<Vec<f64>> = (0..5).map(|i| data::between(300, f64::from(i) / 4.0, 1)).collect();
    let frames: Vec<Frame> = clouds
        .iter()
        .enumerate()
        .map(|(i, cloud)| Frame { t: i as f64 / 4.0, points: points(cloud, 2) })
        .collect();
    let paths: Vec<Vec<(f64, f64)>> =
        (0..7).map(|i| clouds.iter().map(|c| (c[2 * i], c[2 * i + 1])).collect()).collect();
    trajectories(&folder.path("a.svg"), &frames, None, ("x", "y")).unwrap();
    trajectories(&folder.path("b.svg"), &frames, Some(&paths), ("x", "y")).unwrap();
    let (without, text) = document(&folder.path("a.svg"));
    for t in ["0.00", "0.25", "0.50", "0.75", "1.00"] {
        assert!(text.contains(&format!(">t = {t}<")));
    }
    let (with, text) = document(&folder.path("b.svg"));
    assert_eq!(with.0 - without.0, 190 + 20);
    assert!(text.contains(">paths<") && text.matches("<polyline").count() >= 7);

    let near = [Frame { t: 0.001, ..frames[0] }, Frame { t: 0.002, ..frames[1] }];
    trajectories(&folder.path("c.svg"), &near, None, ("x", "y")).unwrap();
    assert!(document(&folder.path("c.svg")).1.contains("t = 0.002"));
}

#[test]
fn curves_are_logarithmic_when_they_span_decades() {
    let folder = Folder::new();
    let falling: Vec<(f64, f64)> =
        (0..300).map(|i| (f64::from(i), 10.0_f64.powf(-f64::from(i) / 50.0))).collect();
    let series = Series { name: "loss", points: &falling };
    curves(&folder.path("a.svg"), &[series], "step", "loss").unwrap();
    let (_, text) = document(&folder.path("a.svg"));
    assert!(text.contains("10⁻⁴") && text.contains(">step<"));
    // Raw, mean and legend.
    assert_eq!(text.matches("<polyline").count(), 3);

    let noisy = data::loss(1000, 0.1, 1);
    curves(&folder.path("c.png"), &[Series { name: "loss", points: &noisy }], "step", "loss")
        .unwrap();
    let page = pixels(&folder.path("c.png"));
    let has = |color: [u8; 3]| page.pixels().filter(|p| p.0 == color).count() > 500;
    assert!(has([0, 114, 178]) && has([184, 216, 233]), "no mean, or no raw values");

    let mut signed = falling.clone();
    signed[3].1 = -0.5;
    signed[4].1 = f64::NAN;
    signed[5].1 = 1e9;
    let series = [series, Series { name: "signed", points: &signed }];
    curves(&folder.path("b.svg"), &series, "step", "loss").unwrap();
    let (_, text) = document(&folder.path("b.svg"));
    assert!(!text.contains('⁻') && text.contains("1 outside, 1 not finite"));
}
