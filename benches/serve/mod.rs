//! Answers questions on standard input, in turn with the peers of `benches/compare.py`.
use std::io::{BufRead, Write};
use std::time::Instant;

/// Runs `f` for about `seconds` after a warm-up of a tenth of it; calls per second.
pub fn rate(seconds: f64, mut f: impl FnMut()) -> f64 {
    let warm = Instant::now();
    while warm.elapsed().as_secs_f64() < 0.1 * seconds {
        f();
    }
    let (start, mut calls) = (Instant::now(), 0u32);
    loop {
        f();
        calls += 1;
        let elapsed = start.elapsed().as_secs_f64();
        if elapsed >= seconds {
            return f64::from(calls) / elapsed;
        }
    }
}

/// The answer to each line; nothing without the word `serve`, since `cargo bench` and `cargo test` run
/// a bench with arguments and nothing to do.
pub fn serve(answer: impl Fn(&str) -> f64) {
    if !std::env::args().any(|a| a == "serve") {
        return;
    }
    for line in std::io::stdin().lock().lines() {
        println!("{}", answer(&line.expect("readable lines")));
        std::io::stdout().flush().expect("an open pipe");
    }
}
