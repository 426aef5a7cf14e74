//! UTF-8 in pieces.

/// Decodes UTF-8 that comes in chunks; each maximal part that is none becomes one U+FFFD.
///
/// Source: Encoding standard §6, "UTF-8 decode without BOM", and §8.1.1.
#[derive(Default)]
pub(super) struct Utf8 {
    /// The beginning of a character whose end is in the next chunk.
    split: [u8; 4],
    split_len: usize,
}

impl Utf8 {
    /// Appends the text of a chunk.
    #[inline]
    pub(super) fn decode(&mut self, chunk: &[u8], text: &mut String) {
        let chunk = match (chunk, self.split_len) {
            ([byte @ ..=0x7F], 0) => return text.push(char::from(*byte)),
            (chunk, 0) => chunk,
            (chunk, _) => self.end_split(chunk, text),
        };
        match simdutf8::basic::from_utf8(chunk) {
            Ok(valid) => text.push_str(valid),
            Err(_) => self.decode_lossy(chunk, text),
        }
    }

    /// Ends the character that the last chunk began, and returns what is left of this one.
    fn end_split<'a>(&mut self, mut chunk: &'a [u8], text: &mut String) -> &'a [u8] {
        while let ([byte, rest @ ..], 1..=3) = (chunk, self.split_len) {
            self.split[self.split_len] = *byte;
            match std::str::from_utf8(&self.split[..=self.split_len]) {
                Ok(character) => {
                    text.push_str(character);
                    self.split_len = 0;
                }
                Err(error) if error.error_len().is_none() => self.split_len += 1,
                Err(_) => {
                    // The byte does not go on with the character, so it is looked at again.
                    text.push(char::REPLACEMENT_CHARACTER);
                    self.split_len = 0;
                    return chunk;
                }
            }
            chunk = rest;
        }
        chunk
    }

    /// The way for a chunk that ends within a character, or is not UTF-8.
    #[cold]
    fn decode_lossy(&mut self, chunk: &[u8], text: &mut String) {
        // A cut character is common, so what stands before it is not gone through slowly.
        let (valid, rest) = match simdutf8::compat::from_utf8(chunk) {
            Ok(_) => (chunk, &chunk[..0]),
            Err(error) => chunk.split_at(error.valid_up_to()),
        };
        text.push_str(simdutf8::basic::from_utf8(valid).unwrap_or_default());
        let mut left = rest.len();
        for part in rest.utf8_chunks() {
            text.push_str(part.valid());
            left -= part.valid().len() + part.invalid().len();
            match std::str::from_utf8(part.invalid()) {
                Ok(_) => {}
                Err(error) if left == 0 && error.error_len().is_none() => {
                    self.split_len = part.invalid().len();
                    self.split[..self.split_len].copy_from_slice(part.invalid());
                }
                Err(_) => text.push(char::REPLACEMENT_CHARACTER),
            }
        }
    }
}
