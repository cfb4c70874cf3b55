//! How often chance alone would do it.

/// The chance of at most `count` events where `expected` are the mean (Poisson).
pub fn at_most(count: u64, expected: f64) -> f64 {
    let mut term = (-expected).exp();
    let mut sum = term;
    for n in 1..=count.min(1_000) {
        term *= expected / n as f64;
        sum += term;
    }
    sum.min(1.0)
}

/// The chance that `of` tosses of a fair coin fall as unevenly as `some` to the rest, or more so.
pub fn uneven(some: u64, of: u64) -> f64 {
    let fewer = some.min(of - some.min(of));
    let mut term = 0.5_f64.powf(of as f64);
    let mut sum = term;
    for n in 1..=fewer {
        term *= (of - n + 1) as f64 / n as f64;
        sum += term;
    }
    (2.0 * sum).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6
    }

    #[test]
    fn few_events_where_many_were_due_are_rare() {
        assert!(near(at_most(0, 3.0), (-3.0_f64).exp()));
        assert!(near(at_most(2, 3.0), (-3.0_f64).exp() * 8.5));
        assert!(near(at_most(0, 0.0), 1.0) && near(at_most(400, 3.0), 1.0));
    }

    #[test]
    fn heads_all_the_time_are_rare() {
        assert!(near(uneven(0, 3), 0.25) && near(uneven(3, 3), 0.25));
        assert!(near(uneven(2, 4), 1.0) && near(uneven(1, 10), 22.0 / 1024.0));
        assert!(near(uneven(0, 0), 1.0));
    }
}
