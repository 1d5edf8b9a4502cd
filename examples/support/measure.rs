//! What a process of Linux has used, and how that grows: for examples and benches that measure.
#![allow(dead_code, reason = "each that includes it uses a part of it")]

use std::fs::{read_dir, read_to_string, write};

type Fault = Box<dyn std::error::Error>;

/// Seconds that all threads of this process have run.
pub fn processor() -> Result<f64, Fault> {
    let mut nanoseconds = 0.0;
    for task in read_dir("/proc/self/task")? {
        // A thread may end between the two lines.
        let Ok(text) = read_to_string(task?.path().join("schedstat")) else { continue };
        nanoseconds += text.split_whitespace().next().unwrap_or("0").parse::<f64>()?;
    }
    Ok(1e-9 * nanoseconds)
}

/// The largest resident size so far, in MiB.
pub fn peak() -> Result<f64, Fault> {
    let status = read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kibibytes = line.split_whitespace().next().ok_or("an empty VmHWM")?;
    Ok(kibibytes.parse::<f64>()? / 1024.0)
}

/// Takes the peak back to what is resident now.
pub fn forget_peak() -> Result<(), Fault> {
    Ok(write("/proc/self/clear_refs", "5")?)
}

/// The slope of the logarithm of the second against that of the first, by least squares over the
/// upper half of the sizes, where what does not grow weighs less.
pub fn exponent(cells: impl IntoIterator<Item = [f64; 2]>) -> f64 {
    let logs: Vec<[f64; 2]> = cells.into_iter().map(|cell| cell.map(f64::ln)).collect();
    let upper = &logs[(logs.len() / 2).saturating_sub(1)..];
    let mean = |k: usize| upper.iter().map(|l| l[k]).sum::<f64>() / upper.len() as f64;
    let (x, y) = (mean(0), mean(1));
    let slope: f64 = upper.iter().map(|l| (l[0] - x) * (l[1] - y)).sum();
    slope / upper.iter().map(|l| (l[0] - x).powi(2)).sum::<f64>()
}
