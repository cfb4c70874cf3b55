//! Numbers that look random and are the same on every machine: xoshiro256++ and what is drawn from it.

/// The generator of Blackman and Vigna, seeded by splitmix64.
pub struct Random {
    state: [u64; 4],
}

impl Random {
    pub fn new(seed: u64) -> Self {
        let mut at = seed;
        let mut next = || {
            at = at.wrapping_add(0x9e37_79b9_7f4a_7c15);
            mix(at)
        };
        Random { state: [next(), next(), next(), next()] }
    }

    pub fn next(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let shifted = b << 17;
        let (c, d) = (c ^ a, d ^ b);
        self.state = [a ^ d, b ^ c, c ^ shifted, d.rotate_left(45)];
        result
    }

    /// Less than `bound`; its bias is far below what a workload could show.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// From `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// In (0, 1].
    pub fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() <= probability
    }

    /// Exponential with mean 1: the gaps of arrivals that do not know of each other.
    pub fn exponential(&mut self) -> f64 {
        -self.unit().ln()
    }

    /// Log-normal: how long servers take.
    pub fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        let radius = (-2.0 * self.unit().ln()).sqrt();
        median * (sigma * radius * (std::f64::consts::TAU * self.unit()).cos()).exp()
    }
}

/// Scrambles a number; also a hash where only spread matters.
pub fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Ranks by Zipf's law, the most popular first.
pub struct Zipf {
    cumulated: Vec<f64>,
}

impl Zipf {
    pub fn new(ranks: usize, exponent: f64) -> Self {
        let mut sum = 0.0;
        let weight = |rank| 1.0 / (rank as f64).powf(exponent);
        let cumulated = (1..=ranks)
            .map(|rank| {
                sum += weight(rank);
                sum
            })
            .collect();
        Zipf { cumulated }
    }

    pub fn draw(&self, random: &mut Random) -> usize {
        let sum = self.cumulated.last().copied().unwrap_or(0.0);
        let point = random.unit() * sum;
        self.cumulated.partition_point(|up_to| *up_to < point).min(self.cumulated.len() - 1)
    }
}
