//! Figures for people.

use std::fs;

/// A figure with three digits that count.
pub(crate) fn short(figure: f64) -> String {
    let size = figure.abs();
    match size {
        _ if !figure.is_finite() => "–".to_owned(),
        _ if size == 0.0 => "0".to_owned(),
        _ if size >= 100.0 => thousands(figure),
        _ if size >= 10.0 => format!("{figure:.1}"),
        _ if size >= 0.1 => format!("{figure:.2}"),
        _ => format!("{figure:.3}"),
    }
}

fn thousands(figure: f64) -> String {
    let digits = format!("{:.0}", figure.abs());
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if figure < 0.0 { format!("-{out}") } else { out }
}

/// What the figures were taken on.
pub(crate) fn machine() -> String {
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned()))
            .unwrap_or_default()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let memory: f64 = field("/proc/meminfo", "MemTotal")
        .split_whitespace()
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0.0);
    format!(
        "{cores} cores ({}), {:.0} GiB, Linux {}",
        field("/proc/cpuinfo", "model name"),
        memory / 1024.0 / 1024.0,
        kernel.trim()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_count() {
        let shown: Vec<String> = [0.0, 0.0123, 0.5, 12.34, 1234.5, -1_234_567.0, f64::NAN]
            .into_iter()
            .map(short)
            .collect();
        assert_eq!(
            shown,
            ["0", "0.012", "0.50", "12.3", "1,234", "-1,234,567", "–"]
        );
    }
}
