//! At which speed to try again.

/// Speeds that bridges and cables are known to bear, fastest first.
const LOWER: [u32; 3] = [460_800, 230_400, 115_200];

/// The speed that was asked for, then lower ones.
pub(super) fn bauds(asked: u32) -> Vec<u32> {
    std::iter::once(asked).chain(LOWER.into_iter().filter(|&b| b < asked)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_go_down() {
        assert_eq!(bauds(921_600), [921_600, 460_800, 230_400, 115_200]);
        assert_eq!(bauds(115_200), [115_200]);
        assert_eq!(bauds(9600), [9600]);
    }
}
