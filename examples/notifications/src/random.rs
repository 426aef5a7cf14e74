//! What cannot be guessed.

use std::fmt::Write as _;

pub(crate) use getrandom::Error;

/// So many bytes of the operating system's.
pub(crate) fn bytes<const LEN: usize>() -> Result<[u8; LEN], Error> {
    let mut bytes = [0; LEN];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// So many bytes in hexadecimal digits.
pub(crate) fn hex<const LEN: usize>() -> Result<String, Error> {
    let mut text = String::with_capacity(2 * LEN);
    for byte in bytes::<LEN>()? {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

/// Whether [`hex`] may have made this text.
pub(crate) fn is_hex<const LEN: usize>(text: &str) -> bool {
    text.len() == 2 * LEN && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_the_same_and_all_have_their_form() {
        let (one, two) = (hex::<16>().unwrap(), hex::<16>().unwrap());
        assert_ne!(one, two);
        assert!(is_hex::<16>(&one) && is_hex::<16>(&two));
        assert!(!is_hex::<16>(&one.to_uppercase().replace(char::is_numeric, "A")));
        assert!(!is_hex::<8>(&one) && !is_hex::<16>(""));
    }
}
