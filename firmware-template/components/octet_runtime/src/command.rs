//! Lines to the board: the marker, a word, and `key=value` pairs (`docs/console.md`).

use octet_runtime::preprocess::PixelFormat;

/// What a command asks to be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Told back in events.
    pub id: u32,
    /// Number of answers; `None`: as many as the firmware is set to.
    pub top: Option<u8>,
    /// Times of each layer.
    pub layers: bool,
    /// CRC32 of each tensor.
    pub tensors: bool,
    /// The output's values.
    pub values: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Introduce yourself.
    Hello,
    /// Run an embedded picture.
    Classify {
        /// What to tell.
        options: Options,
        /// Index of the picture.
        picture: usize,
    },
    /// Run the file's own test.
    SelfTest {
        /// What to tell.
        options: Options,
    },
    /// A picture will be sent.
    Picture {
        /// What to tell.
        options: Options,
        /// How its pixels stand in memory.
        format: PixelFormat,
        /// Pixels.
        width: usize,
        /// Pixels.
        height: usize,
        /// Bytes of the whole.
        bytes: usize,
        /// CRC32 of the whole.
        crc32: u32,
    },
    /// The network's input will be sent.
    Tensor {
        /// What to tell.
        options: Options,
        /// Bytes of the whole.
        bytes: usize,
        /// CRC32 of the whole.
        crc32: u32,
    },
    /// No more will be sent.
    Cancel,
    /// End.
    Quit,
}

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'l> {
    /// Do something.
    Command(Command),
    /// A part of what is sent.
    Chunk {
        /// Where it begins.
        offset: usize,
        /// CRC32 of its bytes.
        crc32: u32,
        /// Base64.
        data: &'l [u8],
    },
}

impl Command {
    /// The `id` of a command that has one.
    pub(crate) fn id(&self) -> Option<u32> {
        match self {
            Command::Classify { options, .. }
            | Command::SelfTest { options }
            | Command::Picture { options, .. }
            | Command::Tensor { options, .. } => Some(options.id),
            Command::Hello | Command::Cancel | Command::Quit => None,
        }
    }
}

/// Why a line with the marker is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The `id` of the line, when it could be read.
    pub id: Option<u32>,
    /// What is wrong.
    pub problem: &'static str,
}

/// The values of a line by their keys.
#[derive(Default)]
struct Fields<'l>([Option<&'l str>; KEYS.len()]);

const KEYS: [&str; 13] = [
    "id", "top", "layers", "tensors", "values", "picture", "format", "width", "height", "bytes", "crc32",
    "offset", "data",
];
const OPTIONS: [&str; 5] = ["id", "top", "layers", "tensors", "values"];

impl<'l> Fields<'l> {
    fn read(words: core::str::Split<'l, char>) -> Result<Self, &'static str> {
        let mut fields = Self::default();
        for word in words {
            let (key, value) = word.split_once('=').ok_or("every word but the first must be key=value")?;
            let place = KEYS.iter().position(|known| *known == key).ok_or("a key is not known")?;
            let place = fields.0.get_mut(place).ok_or("a key is not known")?;
            if place.replace(value).is_some() {
                return Err("a key stands there twice");
            }
        }
        Ok(fields)
    }

    fn get(&self, key: &str) -> Option<&'l str> {
        KEYS.iter().zip(self.0).find(|(known, _)| **known == key).and_then(|(_, value)| value)
    }

    /// No other keys than these.
    fn only(&self, keys: &[&str], with_options: bool) -> Result<(), &'static str> {
        let allowed = |key: &str| keys.contains(&key) || (with_options && OPTIONS.contains(&key));
        let strange = KEYS.iter().zip(self.0).any(|(key, value)| value.is_some() && !allowed(key));
        if strange { Err("a key does not belong to this command") } else { Ok(()) }
    }

    fn number(&self, key: &str) -> Result<Option<u32>, &'static str> {
        let Some(text) = self.get(key) else { return Ok(None) };
        // `parse` would take a plus sign too.
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        number.map(Some).ok_or("a number is not one of 0 to 4294967295")
    }

    fn size(&self, key: &str) -> Result<usize, &'static str> {
        let number = self.number(key)?.ok_or("a number is missing")?;
        usize::try_from(number).map_err(|_| "a number is too large")
    }

    fn crc32(&self) -> Result<u32, &'static str> {
        let text = self.get("crc32").ok_or("crc32 is missing")?;
        let digits = text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit());
        u32::from_str_radix(text, 16).ok().filter(|_| digits).ok_or("crc32 must be eight hexadecimal digits")
    }

    fn flag(&self, key: &str) -> Result<bool, &'static str> {
        match self.get(key) {
            None | Some("0") => Ok(false),
            Some("1") => Ok(true),
            Some(_) => Err("layers, tensors and values must be 0 or 1"),
        }
    }

    fn options(&self) -> Result<Options, &'static str> {
        let top = match self.number("top")? {
            None => None,
            Some(top @ 1..=10) => Some(top as u8),
            Some(_) => return Err("top must be 1 to 10"),
        };
        Ok(Options {
            id: self.number("id")?.unwrap_or(0),
            top,
            layers: self.flag("layers")?,
            tensors: self.flag("tensors")?,
            values: self.flag("values")?,
        })
    }
}

/// Reads a line without its end. `None` for one without the marker, which is not for us.
pub fn parse(line: &[u8]) -> Option<Result<Message<'_>, Refusal>> {
    let rest = line.strip_prefix(b"@octet1 ")?;
    let refuse = |id, problem| Some(Err(Refusal { id, problem }));
    let Ok(text) = core::str::from_utf8(rest) else { return refuse(None, "the line is not UTF-8") };
    let mut words = text.trim_end_matches(' ').split(' ');
    let word = words.next().unwrap_or_default();
    match Fields::read(words) {
        Ok(fields) => {
            let id = fields.number("id").ok().flatten();
            Some(message(word, &fields).map_err(|problem| Refusal { id, problem }))
        }
        Err(problem) => refuse(None, problem),
    }
}

fn message<'l>(word: &str, fields: &Fields<'l>) -> Result<Message<'l>, &'static str> {
    if word != "chunk" {
        return command(word, fields).map(Message::Command);
    }
    fields.only(&["offset", "crc32", "data"], false)?;
    let data = fields.get("data").ok_or("data is missing")?.as_bytes();
    Ok(Message::Chunk { offset: fields.size("offset")?, crc32: fields.crc32()?, data })
}

fn command(word: &str, fields: &Fields<'_>) -> Result<Command, &'static str> {
    Ok(match word {
        "hello" => {
            fields.only(&[], false)?;
            Command::Hello
        }
        "classify" => {
            fields.only(&["picture"], true)?;
            Command::Classify { options: fields.options()?, picture: fields.size("picture")? }
        }
        "selftest" => {
            fields.only(&[], true)?;
            Command::SelfTest { options: fields.options()? }
        }
        "picture" => {
            fields.only(&["format", "width", "height", "bytes", "crc32"], true)?;
            let format = fields.get("format").and_then(PixelFormat::from_name);
            Command::Picture {
                options: fields.options()?,
                format: format.ok_or("format must be rgb888, bgr888, rgb565le, rgb565be, grey8 or yuyv")?,
                width: fields.size("width")?,
                height: fields.size("height")?,
                bytes: fields.size("bytes")?,
                crc32: fields.crc32()?,
            }
        }
        "tensor" => {
            fields.only(&["bytes", "crc32"], true)?;
            Command::Tensor {
                options: fields.options()?,
                bytes: fields.size("bytes")?,
                crc32: fields.crc32()?,
            }
        }
        "cancel" => {
            fields.only(&[], false)?;
            Command::Cancel
        }
        "quit" => {
            fields.only(&[], false)?;
            Command::Quit
        }
        _ => return Err("the command is not known"),
    })
}
