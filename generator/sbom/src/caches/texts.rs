//! Which licence a text is.
//!
//! A text is compared as a whole, word by word: case, punctuation and line breaks do not count, nor what stands before and
//! after the licence's own words (title, copyright notice), nor the name of the holder where the licence repeats it. What
//! differs by one word is another text and is not identified: a licence that is almost MIT is not MIT.
//!
//! The digests are of the texts of the SPDX licence list, reduced in the same way.

use avouch_model::Digest;
use memchr::memmem;

/// A licence by its first words, its last words, and the SHA-256 of the words from the first to the last.
struct Known {
    id: &'static str,
    from: &'static str,
    to: &'static str,
    digest: &'static str,
}

const KNOWN: [Known; 12] = [
    Known {
        id: "Apache-2.0",
        from: "terms and conditions for use reproduction and distribution 1 definitions",
        to: "end of terms and conditions",
        digest: "d8221a4f10c01c6fa5390685929a5ce31d7264a024162fd3dd4d805c57ce0f43",
    },
    Known {
        id: "MIT",
        from: "permission is hereby granted free of charge to any person obtaining a copy of this software and associated \
               documentation files",
        to: "dealings in the software",
        digest: "bd82bf3fb433402f670b550b358f2b7641e571c5b8c06cec00b5da0e0e902c8c",
    },
    Known {
        id: "ISC",
        from: "permission to use copy modify and or distribute this software for any purpose with or without fee is hereby \
               granted provided",
        to: "performance of this software",
        digest: "648983243b7da9fbb9b7d9bc045f8a2420182a876c2b2b2cec663f3381344241",
    },
    Known {
        id: "0BSD",
        from: "permission to use copy modify and or distribute this software for any purpose with or without fee is hereby \
               granted the software",
        to: "performance of this software",
        digest: "53c760cbe322b246261328b07bb01a6eaddda17f8ca90c164d29d743e04aaf8e",
    },
    Known {
        id: "BSD-2-Clause",
        from: "redistribution and use in source and binary forms with or without modification are permitted provided that \
               the following conditions are met",
        to: "possibility of such damage",
        digest: "e7c81674b1f9599e778b297d42ed8910e615bf06f82d49036b66a1ba14eb5dde",
    },
    Known {
        id: "BSD-3-Clause",
        from: "redistribution and use in source and binary forms with or without modification are permitted provided that \
               the following conditions are met",
        to: "possibility of such damage",
        digest: "f5221882229f42aa70790511be343e29e944ea160d724f7a8e3c3881e111d161",
    },
    Known {
        id: "MPL-2.0",
        from: "1 definitions 1 1 contributor means",
        to: "incompatible with secondary licenses as defined by the mozilla public license v 2 0",
        digest: "ca15f9cdd3f2fd06a41df42402a3886e1de25f02b077725084c5d8d535cfcec4",
    },
    Known {
        id: "Zlib",
        from: "this software is provided as is without any express or implied warranty",
        to: "altered from any source distribution",
        digest: "1b8c5cd52eceb19ab0bc3cb40be110b1c0e7fa2671a3fe5866e59dd1502e69c7",
    },
    Known {
        id: "Unlicense",
        from: "this is free and unencumbered software released into the public domain",
        to: "dealings in the software",
        digest: "85e115921f41f4e20573e6ac143a87219553b4a3a404c4833d197dbf06745584",
    },
    Known {
        id: "CC0-1.0",
        from: "statement of purpose the laws of most jurisdictions throughout",
        to: "with respect to this cc0 or use of the work",
        digest: "4f8ab63ace774f37529081c81e2730a88143bf70e67392bd3c3701bd0a175152",
    },
    Known {
        id: "BSL-1.0",
        from: "permission is hereby granted free of charge to any person or organization obtaining a copy of the software",
        to: "dealings in the software",
        digest: "7de46bc20ef76e77beb059229d9584e09fb09aa33a4751bae6f11a5623edd427",
    },
    Known {
        id: "Unicode-3.0",
        from: "permission is hereby granted free of charge to any person obtaining a copy of data files",
        to: "prior written authorization of the copyright holder",
        digest: "f441ed086281a898b5da35afa9aab74b9d85fa122b4281a3da32c59a05a92df7",
    },
];

/// Where licences name their holder: what stands between these words does not count.
const HOLDERS: [(&str, &str); 3] = [
    ("neither the name", " nor the names of"),
    ("software is provided by ", " as is and any express"),
    ("in no event shall ", " be liable"),
];
/// The longest name of a holder, in bytes.
const HOLDER_BYTES_MAX: usize = 200;

/// Whether a file of this name is one in which licences lie.
pub(super) fn is_named_like_one(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["license", "licence", "copying", "unlicense"].iter().any(|start| name.starts_with(start))
}

/// The licence with this id, if it is one whose text is known.
pub(crate) fn id(id: &str) -> Option<&'static str> {
    KNOWN.iter().map(|known| known.id).find(|known| *known == id)
}

/// The licences whose whole texts are in these bytes.
pub(super) fn identified(bytes: &[u8]) -> Vec<&'static str> {
    let words = words(bytes);
    let fits = |known: &&Known| {
        let body = find(&words, known.from).and_then(|at| words.get(at..));
        let end = body.and_then(|body| Some(find(body, known.to)? + known.to.len()));
        let body = body.zip(end).and_then(|(body, end)| body.get(..end));
        body.is_some_and(|body| Digest::of(body.as_bytes()).hex() == known.digest)
    };
    KNOWN.iter().filter(fits).map(|known| known.id).collect()
}

/// The words: runs of ASCII letters and digits in lower case, a blank between two.
fn words(bytes: &[u8]) -> String {
    let mut words = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() {
            words.push(char::from(byte.to_ascii_lowercase()));
        } else if !words.is_empty() && !words.ends_with(' ') {
            words.push(' ');
        }
    }
    for (before, after) in HOLDERS {
        let from = find(&words, before).map(|at| at + before.len());
        let to = from.and_then(|from| find(words.get(from..)?, after));
        if let (Some(from), Some(length)) = (from, to)
            && length <= HOLDER_BYTES_MAX
        {
            words.replace_range(from..from + length, "");
        }
    }
    words
}

/// As `str::find`, many times as quick in a long text.
fn find(text: &str, wanted: &str) -> Option<usize> {
    memmem::find(text.as_bytes(), wanted.as_bytes())
}

#[cfg(test)]
pub(crate) const ZLIB: &str = "This software is provided 'as-is', without any express or implied warranty. In no event will \
the authors be held liable for any damages arising from the use of this software.

Permission is granted to anyone to use this software for any purpose, including commercial applications, and to alter it and \
redistribute it freely, subject to the following restrictions:

1. The origin of this software must not be misrepresented; you must not claim that you wrote the original software. If you \
use this software in a product, an acknowledgment in the product documentation would be appreciated but is not required.

2. Altered source versions must be plainly marked as such, and must not be misrepresented as being the original software.

3. This notice may not be removed or altered from any source distribution.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_identified_whatever_stands_around_it_and_however_it_is_broken() {
        assert_eq!(identified(ZLIB.as_bytes()), ["Zlib"]);
        let framed = format!("zlib License\n\n(C) 2026 Jane\n\n{}\nThat was it.", ZLIB.replace(' ', "\r\n  "));
        assert_eq!(identified(framed.as_bytes()), ["Zlib"]);
    }

    #[test]
    fn one_word_more_or_less_is_another_licence() {
        assert_eq!(identified(ZLIB.replace("commercial", "non-commercial").as_bytes()), [""; 0]);
        assert_eq!(identified(ZLIB.replace("plainly ", "").as_bytes()), [""; 0]);
        assert_eq!(identified(b"This software is provided as is, without any express or implied warranty"), [""; 0]);
    }

    #[test]
    fn two_texts_in_one_file_are_both_identified() {
        let words = "Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is \
                     hereby granted.\n\nTHE SOFTWARE IS PROVIDED \"AS IS\" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO \
                     THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR \
                     BE LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING \
                     FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, \
                     ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.";
        assert_eq!(identified(words.as_bytes()), ["0BSD"]);
        assert_eq!(identified(format!("{words}\n\n{ZLIB}").as_bytes()), ["0BSD", "Zlib"]);
        let named = words.replace("IN NO EVENT SHALL THE AUTHOR", "IN NO EVENT SHALL JANE DOE AND FRIENDS");
        assert_eq!(identified(named.as_bytes()), ["0BSD"], "the holder's name does not count");
    }

    #[test]
    fn names_of_licence_files() {
        for name in ["LICENSE", "LICENSE-MIT", "licence.txt", "COPYING", "UNLICENSE", "LICENSE.Apache-2.0"] {
            assert!(is_named_like_one(name), "{name}");
        }
        assert!(!is_named_like_one("README.md"));
    }
}
