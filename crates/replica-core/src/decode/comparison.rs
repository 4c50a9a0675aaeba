//! Where two values part that are too long for memory. They come piece by piece, and no more than a piece of each is kept.
use super::difference::{AFTER, BEFORE, Difference, note_of_bytes, note_of_texts, shown_bytes, shown_text};
use super::{TextDecoder, ValueKind};

/// Which of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhichSide {
    /// Shown first.
    Left,
    /// Shown second.
    Right,
}

/// The most bytes of a character in UTF-8.
const CHARACTER: usize = 4;

/// Compares two values of one column as [`difference`](super::difference()) does: text by its characters, all else by its bytes. It does not
/// say that texts differ in upper and lower case alone.
pub struct ValueComparison {
    is_text: bool,
    sides: [ComparedSide; 2],
    /// Characters, or bytes, that both begin with.
    same: u64,
    /// The last of these, as many as may be shown.
    before: Vec<u8>,
    parted: bool,
}

struct ComparedSide {
    /// Of texts.
    decoder: Option<TextDecoder>,
    ended: bool,
    /// UTF-8, or bytes, that the other side does not have yet.
    ahead: Vec<u8>,
    /// After they have parted, as many as may be shown.
    after: Vec<u8>,
    /// Characters, or bytes, after they have parted.
    rest: u64,
    rest_is_blank: bool,
}

impl ValueComparison {
    /// For values of these kinds.
    pub fn new(left: ValueKind, right: ValueKind) -> Self {
        let decoders = match (left, right) {
            (ValueKind::Text(left), ValueKind::Text(right)) => [left, right].map(Some),
            _ => [None; 2],
        };
        Self {
            is_text: decoders[0].is_some(),
            sides: decoders.map(|charset| ComparedSide {
                decoder: charset.map(TextDecoder::lossy),
                ended: false,
                ahead: Vec::new(),
                after: Vec::new(),
                rest: 0,
                rest_is_blank: true,
            }),
            same: 0,
            before: Vec::new(),
            parted: false,
        }
    }

    /// The side whose next piece is wanted; `None`: both have ended.
    pub fn wants(&self) -> Option<WhichSide> {
        let [left, right] = &self.sides;
        match (left.ended, right.ended) {
            (true, true) => None,
            (true, false) => Some(WhichSide::Right),
            (false, true) => Some(WhichSide::Left),
            (false, false) => {
                Some(if left.ahead.len() <= right.ahead.len() { WhichSide::Left } else { WhichSide::Right })
            }
        }
    }

    /// Takes the next bytes of a side. `last`: it ends with them.
    pub fn push(&mut self, side: WhichSide, bytes: &[u8], last: bool) {
        let side = &mut self.sides[side as usize];
        match &mut side.decoder {
            Some(decoder) => {
                let mut text = String::new();
                decoder.push(bytes, last, &mut text);
                side.ahead.extend_from_slice(text.as_bytes());
            }
            None => side.ahead.extend_from_slice(bytes),
        }
        side.ended |= last;
        if !self.parted {
            self.compare();
        }
        if self.parted {
            self.sides.iter_mut().for_each(|side| side.pass(self.is_text));
        }
    }

    fn compare(&mut self) {
        let is_text = self.is_text;
        let [left, right] = &mut self.sides;
        let both = left.ahead.len().min(right.ahead.len());
        let mut same = both;
        if left.ahead[..both] != right.ahead[..both] {
            same = left.ahead.iter().zip(&right.ahead).take_while(|(left, right)| left == right).count();
            // Back to where the character begins that they part in.
            while is_text && same > 0 && (continues(&left.ahead, same) || continues(&right.ahead, same)) {
                same -= 1;
            }
        }
        self.same += count(is_text, &left.ahead[..same]);
        let most = (BEFORE + AFTER) * CHARACTER;
        if same >= most {
            self.before.clear();
        }
        self.before.extend_from_slice(&left.ahead[same.saturating_sub(most)..same]);
        self.before.drain(..self.before.len().saturating_sub(most));
        left.ahead.drain(..same);
        right.ahead.drain(..same);
        let one_goes_on = |one: &ComparedSide, other: &ComparedSide| one.ended && !other.ahead.is_empty();
        self.parted = same < both || one_goes_on(left, right) || one_goes_on(right, left);
    }

    /// How they differ, after both have ended; `None`: they have the same characters, or bytes.
    pub fn difference(&self) -> Option<Difference> {
        if !self.parted {
            return None;
        }
        let [left, right] = &self.sides;
        let whole = [left, right].map(|side| self.same + side.rest);
        let show = |side: &ComparedSide| {
            if self.is_text {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                // What is kept of the common part may begin within a character.
                let from =
                    (0..self.before.len()).find(|at| !continues(&self.before, *at)).unwrap_or_default();
                shown_text(self.same, &text(&self.before[from..]), &text(&side.after), side.rest)
            } else {
                shown_bytes(self.same, &self.before, &side.after, side.rest)
            }
        };
        let note = if self.is_text {
            let blanks = left.rest_is_blank && right.rest_is_blank;
            note_of_texts(self.same, whole, if blanks { "trailing blanks" } else { "" })
        } else {
            note_of_bytes(self.same, whole)
        };
        Some(Difference { left: show(left), right: show(right), note })
    }
}

impl ComparedSide {
    /// Passes over what is ahead.
    fn pass(&mut self, is_text: bool) {
        let room = (AFTER * CHARACTER).saturating_sub(self.after.len());
        self.after.extend_from_slice(&self.ahead[..room.min(self.ahead.len())]);
        self.rest += count(is_text, &self.ahead);
        self.rest_is_blank &= self.ahead.iter().all(|byte| *byte == b' ');
        self.ahead.clear();
    }
}

/// Whether a byte of UTF-8 is within a character.
fn continues(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(|byte| byte & 0xC0 == 0x80)
}

/// Characters, or bytes.
fn count(is_text: bool, bytes: &[u8]) -> u64 {
    let continued = if is_text { bytes.iter().filter(|byte| *byte & 0xC0 == 0x80).count() } else { 0 };
    (bytes.len() - continued) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::{Charset, difference};

    /// In pieces of these lengths, as they are asked for.
    fn in_pieces(kind: ValueKind, values: [&[u8]; 2], pieces: [usize; 2]) -> Option<Difference> {
        let mut comparison = ValueComparison::new(kind, kind);
        let mut rest = values;
        while let Some(side) = comparison.wants() {
            let at = side as usize;
            let (piece, left) = rest[at].split_at(pieces[at].min(rest[at].len()));
            rest[at] = left;
            comparison.push(side, piece, left.is_empty());
            assert!(comparison.sides.iter().all(|side| side.ahead.len() <= 3 * pieces[0].max(pieces[1]) + 8));
        }
        comparison.difference()
    }

    fn whole(kind: ValueKind, [left, right]: [&[u8]; 2]) -> Option<Difference> {
        difference(&kind.decode(left).unwrap(), &kind.decode(right).unwrap())
    }

    fn check(kind: ValueKind, values: [&[u8]; 2], pieces: [usize; 2]) {
        assert_eq!(in_pieces(kind, values, pieces), whole(kind, values), "{kind:?} {values:?}");
    }

    proptest! {
        #[test]
        fn pieces_part_where_the_values_do(
            before in "[aé€𝄞 ]{0,90}",
            rest in ("[aé€𝄞 ]{0,60}", "[aé€𝄞 ]{0,60}"),
            pieces in (1usize..40, 1usize..40),
        ) {
            let texts = [before.clone() + &rest.0, before + &rest.1];
            for charset in [Charset::Utf16, Charset::Utf8] {
                let bytes = texts.each_ref().map(|text| charset.encode(text).unwrap());
                let values = bytes.each_ref().map(|bytes| &**bytes);
                for kind in [ValueKind::Text(charset), ValueKind::Binary] {
                    check(kind, values, pieces.into());
                }
            }
        }
    }

    #[test]
    fn ends_and_blanks_are_told() {
        let kind = ValueKind::Text(Charset::Utf16);
        let of = |text: &str| Charset::Utf16.encode(text).unwrap().into_owned();
        let long = "x".repeat(200);
        for [left, right] in
            [["", "a"], [&long, ""], [&long, &(long.clone() + "  ")], [&long, &(long.clone() + " y")]]
        {
            check(kind, [&of(left), &of(right)], [7, 9]);
        }
        assert_eq!(in_pieces(kind, [&of(&long), &of(&long)], [3, 5]), None);
    }
}
