//! Sending many bytes over a line that loses some: in parts, each of which is answered (docs/console.md, "A transfer").
//! This decides what is sent when, and knows neither ports nor clocks.

use super::console::command_line;

/// So often the same part is sent before the line is given up.
const TRIES: u32 = 5;

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Send [`Sender::line`].
    Send,
    /// An answer is still on its way.
    Wait,
    /// The board has everything.
    Arrived,
    /// The same part was sent too often.
    GiveUp,
}

/// One transfer.
#[derive(Debug)]
pub(super) struct Sender<'b> {
    announcement: String,
    bytes: &'b [u8],
    chunk_bytes: usize,
    /// The first byte that the board lacks; `None` until the announcement is answered.
    offset: Option<usize>,
    /// Lines that were sent and not answered yet. As long as there are some, an answer without progress may be that to an
    /// earlier copy of a part: taken for a refusal, it would double every line from then on.
    unanswered: u32,
    tries: u32,
}

impl<'b> Sender<'b> {
    /// A transfer that `announcement` begins, a complete line; `chunk_bytes` are at least 1.
    pub(super) fn new(announcement: String, bytes: &'b [u8], chunk_bytes: usize) -> Self {
        let chunk_bytes = chunk_bytes.max(1);
        Sender { announcement, bytes, chunk_bytes, offset: None, unanswered: 0, tries: 0 }
    }

    /// Bytes that the board has.
    pub(super) fn done(&self) -> usize {
        self.offset.unwrap_or(0)
    }

    /// The line that [`Turn::Send`] means; it counts as sent.
    pub(super) fn line(&mut self) -> String {
        self.unanswered += 1;
        self.tries += 1;
        let Some(offset) = self.offset else { return self.announcement.clone() };
        let part = self.part(offset);
        let pairs = [
            ("offset", offset.to_string()),
            ("crc32", format!("{:08x}", crc32fast::hash(part))),
            ("data", base64(part)),
        ];
        command_line("chunk", &pairs)
    }

    /// The board told which byte it lacks.
    pub(super) fn answered(&mut self, offset: u64) -> Turn {
        self.unanswered = self.unanswered.saturating_sub(1);
        let last = self.offset.map_or(0, |at| at + self.part(at).len());
        let told = usize::try_from(offset).ok().filter(|told| *told <= last);
        match told {
            Some(told) if self.offset.is_none_or(|before| told > before) => {
                self.offset = Some(told);
                self.tries = 0;
                if told == self.bytes.len() { Turn::Arrived } else { Turn::Send }
            }
            _ => self.again(),
        }
    }

    /// The board did not understand a line.
    pub(super) fn refused(&mut self) -> Turn {
        self.unanswered = self.unanswered.saturating_sub(1);
        self.again()
    }

    /// No answer came in time.
    pub(super) fn overdue(&self) -> Turn {
        if self.tries >= TRIES { Turn::GiveUp } else { Turn::Send }
    }

    fn again(&self) -> Turn {
        if self.unanswered > 0 { Turn::Wait } else { self.overdue() }
    }

    fn part(&self, offset: usize) -> &'b [u8] {
        let rest = self.bytes.get(offset..).unwrap_or_default();
        &rest[..rest.len().min(self.chunk_bytes)]
    }
}

/// The plain alphabet with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * digit)) as usize & 63];
            text.push(if digit <= group.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        let pairs = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
        for (plain, text) in pairs {
            assert_eq!(base64(plain.as_bytes()), text);
        }
        assert_eq!(base64(&[0xff, 0xfe, 0xfb]), "//77");
    }

    #[test]
    fn a_refused_part_is_sent_again_at_once_and_an_old_answer_is_not_taken_for_a_refusal() {
        let bytes = [7; 10];
        let mut sender = Sender::new("a".to_owned(), &bytes, 4);
        assert_eq!(sender.line(), "a");
        assert_eq!(sender.answered(0), Turn::Send);
        assert!(sender.line().contains("offset=0 "));
        assert_eq!(sender.answered(0), Turn::Send, "damaged on the way");
        sender.line();
        assert_eq!(sender.overdue(), Turn::Send);
        sender.line();
        // The first copy's answer was late.
        assert_eq!(sender.answered(4), Turn::Send);
        assert!(sender.line().contains("offset=4 "));
        assert_eq!(sender.answered(4), Turn::Wait, "the second copy's answer");
        assert_eq!(sender.answered(8), Turn::Send);
        assert!(sender.line().contains("offset=8 "));
        assert_eq!(sender.answered(10), Turn::Arrived);
    }

    #[test]
    fn offsets_of_a_board_that_makes_them_up_are_no_progress() {
        let bytes = [7; 10];
        let mut sender = Sender::new("a".to_owned(), &bytes, 4);
        sender.line();
        assert_eq!(sender.answered(8), Turn::Send);
        sender.line();
        assert_eq!(sender.answered(0), Turn::Send);
        for _ in 1..TRIES {
            sender.line();
            assert_eq!(sender.answered(u64::MAX), Turn::Send);
        }
        sender.line();
        assert_eq!(sender.answered(9), Turn::GiveUp);
        assert_eq!(sender.done(), 0);
    }

    /// What a line loses.
    #[derive(Debug, Clone, Copy)]
    enum Fate {
        Fine,
        LostThere,
        DamagedThere,
        LostBack,
    }

    /// Sends over a line with those fates, fine from then on, to a board as the firmware has it; returns what the
    /// board has and how many lines were sent.
    fn carried(bytes: &[u8], chunk: usize, fates: &[Fate], late: bool) -> (Vec<u8>, usize) {
        let mut fates = fates.iter().copied();
        let mut sender = Sender::new("announce".to_owned(), bytes, chunk);
        let (mut board, mut announced) = (Vec::new(), false);
        let mut answers: VecDeque<u64> = VecDeque::new();
        let (mut turn, mut sent) = (Turn::Send, 0);
        loop {
            match turn {
                Turn::Send => {
                    sent += 1;
                    let at = sender.offset;
                    let _ = sender.line();
                    let fate = fates.next().unwrap_or(Fate::Fine);
                    if matches!(fate, Fate::LostThere) {
                        turn = Turn::Wait;
                        continue;
                    }
                    match at {
                        None => announced = true,
                        Some(at) if at == board.len() && !matches!(fate, Fate::DamagedThere) => {
                            board.extend_from_slice(sender.part(at));
                        }
                        Some(_) => {}
                    }
                    assert!(announced);
                    if !matches!(fate, Fate::LostBack) {
                        answers.push_back(board.len() as u64);
                    }
                    turn = Turn::Wait;
                    // A slow board: the desktop's patience ends before the answer is there.
                    if late && sent == 3 {
                        turn = sender.overdue();
                    }
                }
                Turn::Wait => {
                    turn = match answers.pop_front() {
                        Some(offset) => sender.answered(offset),
                        None => sender.overdue(),
                    }
                }
                Turn::Arrived | Turn::GiveUp => return (board, sent),
            }
        }
    }

    proptest! {
        #[test]
        fn bytes_arrive_in_their_order_whatever_is_lost(
            bytes in proptest::collection::vec(any::<u8>(), 1..200),
            chunk in 1usize..64,
            fates in proptest::collection::vec(
                prop_oneof![Just(Fate::Fine), Just(Fate::LostThere), Just(Fate::DamagedThere), Just(Fate::LostBack)], 0..4),
            late in any::<bool>(),
        ) {
            let (board, sent) = carried(&bytes, chunk, &fates, late);
            prop_assert_eq!(&board, &bytes);
            // One line for each part, and not more than a few for each trouble.
            prop_assert!(sent <= 1 + bytes.len().div_ceil(chunk) + 2 * fates.len() + 2, "{}", sent);
        }
    }
}
