//! Telling an image by its first bytes.

/// The media type of an image that starts with `head`.
pub(crate) fn sniff(head: &[u8]) -> Option<&'static str> {
    let at = |start: usize, bytes: &[u8]| head.get(start..start + bytes.len()) == Some(bytes);
    if at(0, b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if at(0, b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if at(0, b"GIF87a") || at(0, b"GIF89a") {
        Some("image/gif")
    } else if at(0, b"RIFF") && at(8, b"WEBP") {
        Some("image/webp")
    } else if is_bmp(head) {
        Some("image/bmp")
    } else if at(0, b"II*\0") || at(0, b"MM\0*") {
        Some("image/tiff")
    } else if is_ico(head) {
        Some("image/x-icon")
    } else if at(4, b"ftyp") && is_avif(head) {
        Some("image/avif")
    } else {
        None
    }
}

/// Two letters alone begin many a text: the reserved fields must be zero and the size of the
/// second header one that exists.
fn is_bmp(head: &[u8]) -> bool {
    head.len() >= 18
        && head.starts_with(b"BM")
        && head[6..10] == [0; 4]
        && matches!(u32_at(head, 14), 12 | 40 | 52 | 56 | 64 | 108 | 124)
}

/// The magic is four bytes of little meaning: the first entry must make sense as well.
fn is_ico(head: &[u8]) -> bool {
    head.len() >= 22
        && head.starts_with(&[0, 0, 1, 0])
        && u16::from_le_bytes([head[4], head[5]]) > 0
        && head[9] == 0
        && u32_at(head, 18) >= 22
}

/// The brand, or one of the compatible brands that lie in the first bytes.
fn is_avif(head: &[u8]) -> bool {
    let size = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
    let brands = &head[8..size.clamp(8, head.len())];
    let is = |brand: &[u8]| brand == b"avif" || brand == b"avis";
    // The second four bytes are a version, not a brand.
    brands.chunks_exact(4).enumerate().any(|(i, brand)| i != 1 && is(brand))
}

fn u32_at(head: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Bytes that are enough to tell.
    const HEAD: usize = 64;

    fn bmp() -> Vec<u8> {
        let mut head = b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
        head.resize(HEAD, 1);
        head
    }

    fn ico() -> Vec<u8> {
        let mut head = vec![0, 0, 1, 0, 1, 0, 16, 16, 0, 0, 1, 0, 32, 0, 4, 0, 0, 0, 22, 0, 0, 0];
        head.resize(HEAD, 1);
        head
    }

    #[test]
    fn every_kind_is_told() {
        let avif = b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf";
        let cases: [(&[u8], &str); 11] = [
            (b"\x89PNG\r\n\x1a\n\0\0", "image/png"),
            (b"\xff\xd8\xff\xe0", "image/jpeg"),
            (b"GIF87a..", "image/gif"),
            (b"GIF89a..", "image/gif"),
            (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
            (&bmp(), "image/bmp"),
            (b"II*\0....", "image/tiff"),
            (b"MM\0*....", "image/tiff"),
            (&ico(), "image/x-icon"),
            (avif, "image/avif"),
            (b"\0\0\0\x14ftypavif\0\0\0\0mif1", "image/avif"),
        ];
        for (head, mime) in cases {
            assert_eq!(sniff(head), Some(mime));
        }
    }

    #[test]
    fn texts_and_other_files_are_none() {
        let others: [&[u8]; 7] = [
            b"",
            b"BM is a pair of letters, not an image",
            b"GIF is a format",
            b"RIFF\x10\0\0\0WAVEfmt ",
            b"\0\0\0\x1cftypisom\0\0\0\0isommp42",
            b"\0\0\x01\0",
            b"\xff\xd8",
        ];
        for head in others {
            assert_eq!(sniff(head), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(head in proptest::collection::vec(any::<u8>(), 0..HEAD), magic in 0usize..4) {
            let magics: [&[u8]; 4] = [b"BM", b"\0\0\x01\0", b"\xff\xff\xff\xffftyp", b"RIFF"];
            let mut bytes = magics[magic].to_vec();
            bytes.extend(head);
            let _ = sniff(&bytes);
        }
    }
}
