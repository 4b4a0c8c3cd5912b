//! The console, through a board that is two queues of bytes: every answer that `docs/console.md` promises.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../../../../runtime/tests/common/mod.rs"]
mod common;

use std::collections::VecDeque;

use common::{Attr, Net, Random};
use octet_firmware::{Console, Crc32, Engine, Memory, Meter, Picture, Platform, Setup, decode_base64, sizes};
use octet_runtime::plan::{Step, TensorSlot};
use octet_runtime::postprocess::Labels;
use octet_runtime::preprocess::{Channels, Fit, Frame, PixelFormat, Resize};
use octet_runtime::{DType, Data, Simulator, Target};
use proptest::prelude::*;
use serde_json::Value;

const SIDE: usize = 8;
const LABELS: &str = "ant\nbee\n\"cat\"\u{7}\n";

/// A network of 8 x 8 x 3 and 16 classes, with a test of its own.
fn file(right_test: bool) -> Vec<u8> {
    let mut random = Random(21);
    let mut net = Net::default();
    net.input("x", DType::I8, &[1, SIDE, SIDE, 3], -6).value("c", DType::I8, &[1, SIDE, SIDE, 16], -4);
    net.output("y", DType::I8, &[1, 1, 1, 16], -5).metadata("octet.target", "esp32p4");
    let weights = random.values(DType::I8, 48);
    net.constant("w", DType::I8, &[1, 1, 3, 16], &[-6], "layout ==> (N/16)HWC16", &weights);
    net.node("Conv", &["x", "w"], "c", &[("activation", Attr::Text("Relu"))]);
    net.node("GlobalAveragePool", &["c"], "y", &[]);
    let input = random.values(DType::I8, SIDE * SIDE * 3);
    let plain = Simulator::new(net.build().into(), None).unwrap();
    let signed: Vec<i8> = input.iter().map(|&v| v as i8).collect();
    let mut output = integers(plain.run(&mut plain.scratch(), Data::I8(&signed), None).unwrap().data);
    if !right_test {
        output[3] ^= 1;
        output[9] ^= 1;
    }
    net.test(("x", DType::I8, &[1, SIDE, SIDE, 3], &input), ("y", DType::I8, &[1, 1, 1, 16], &output));
    net.build()
}

fn integers(data: Data<'_>) -> Vec<i64> {
    (0..data.len()).map(|i| data.get(i) as i64).collect()
}

/// A board: what it will read, what it wrote, and a clock that ticks.
#[derive(Default)]
struct Queues {
    input: VecDeque<u8>,
    output: Vec<u8>,
    ticks: u64,
    pauses: usize,
}

impl Platform for Queues {
    fn write(&mut self, bytes: &[u8]) {
        self.output.extend(bytes);
    }

    fn read(&mut self, bytes: &mut [u8], _: u32) -> Option<usize> {
        // As a UART does, some bytes at a time.
        let count = self.input.len().min(bytes.len()).min(7);
        for (place, byte) in bytes.iter_mut().zip(self.input.drain(..count)) {
            *place = byte;
        }
        (count > 0).then_some(count)
    }

    fn micros(&mut self) -> u64 {
        self.ticks += 1;
        self.ticks
    }

    fn cycles(&mut self) -> Option<u64> {
        Some(self.ticks * 100)
    }

    fn pause(&mut self) {
        self.pauses += 1;
    }
}

/// What a session is made of.
struct Session<'s> {
    file: &'s [u8],
    pictures: &'s [Picture<'s>],
    /// Arena beyond what the plan needs.
    spare: usize,
    fit: Fit,
}

impl Session<'_> {
    /// Sends bytes to a board; gives its events.
    fn run(&self, input: &[u8]) -> Vec<Value> {
        let mut board = Queues { input: input.to_vec().into(), ..Queues::default() };
        let count = sizes(self.file).unwrap();
        let mut slots = vec![TensorSlot::default(); count.tensors];
        let mut steps = vec![Step::default(); count.steps];
        let mut meters = vec![Meter::default(); count.tensors];
        let needed = Simulator::new(self.file.into(), None).unwrap().memory().arena_bytes;
        let mut arena = vec![0x55; needed + self.spare];
        let setup = Setup {
            file: self.file,
            target: None,
            labels: Labels::new(LABELS),
            pictures: self.pictures,
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
            channels: Channels::Rgb,
            resize: Resize::Nearest,
            fit: self.fit,
            fill: [0; 3],
            top: 3,
            threshold: 0.0,
            firmware: Some("a test"),
        };
        let memory = Memory { slots: &mut slots, steps: &mut steps, meters: &mut meters, arena: &mut arena };
        let mut engine = Engine::open(setup, memory).unwrap();
        let mut console = Console::default();
        console.classify_embedded(&mut board, &mut engine);
        console.serve(&mut board, &mut engine);
        events(&board.output)
    }
}

fn session(file: &[u8]) -> Session<'_> {
    Session { file, pictures: &[], spare: 4096, fit: Fit::Stretch }
}

/// Checks marker, CRC32 and count of each line.
fn events(output: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(output).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    let parse = |(count, line): (usize, &str)| {
        assert!(line.len() < 2048, "{}", line.len());
        let (crc, json) = line.strip_prefix("@octet1 ").unwrap().split_once(' ').unwrap();
        assert_eq!(crc, format!("{:08x}", crc32fast::hash(json.as_bytes())));
        let event: Value = serde_json::from_str(json).unwrap();
        assert_eq!(event["seq"], count);
        event
    };
    text.lines().enumerate().map(parse).collect()
}

fn of<'e>(events: &'e [Value], name: &str) -> Vec<&'e Value> {
    events.iter().filter(|e| e["event"] == name).collect()
}

/// The encoder of RFC 4648.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0, |bits, &b| bits << 8 | u32::from(b)) << (8 * (3 - group.len()));
        for i in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * i)) as usize & 63];
            text.push(if i <= group.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

fn chunk(offset: usize, bytes: &[u8]) -> String {
    format!("@octet1 chunk offset={offset} crc32={:08x} data={}\n", crc32fast::hash(bytes), base64(bytes))
}

fn announce(command: &str, data: &[u8]) -> String {
    format!("@octet1 {command} bytes={} crc32={:08x}\n", data.len(), crc32fast::hash(data))
}

fn picture(width: usize, height: usize) -> Vec<u8> {
    (0..width * height * 3).map(|i| (i * 37 % 251) as u8).collect()
}

/// Output and CRC32s of every tensor as the desktop computes them from a prepared picture.
fn expected(file: &[u8], input: &[i8]) -> (Vec<i64>, Vec<u32>) {
    let simulator = Simulator::new(file.into(), None).unwrap();
    let mut sums = Vec::new();
    let mut observe = |view: octet_runtime::TensorView<'_>| {
        let bytes: Vec<u8> = integers(view.data).iter().map(|&v| v as u8).collect();
        sums.push(crc32fast::hash(&bytes));
    };
    let mut scratch = simulator.scratch();
    let output = integers(simulator.run(&mut scratch, Data::I8(input), Some(&mut observe)).unwrap().data);
    (output, sums)
}

fn prepared(pixels: &[u8], [width, height]: [usize; 2]) -> Vec<i8> {
    use octet_runtime::preprocess::{Preparation, Table};
    let (mean, std) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let table = Table::new(mean, std, -6, DType::I8, Target::Esp32p4.rounding());
    let mut out = vec![0; SIDE * SIDE * 3];
    let frame = Frame::new(pixels, width, height, PixelFormat::Rgb888).unwrap();
    Preparation::new(table).write(&frame, &mut out, DType::I8, [SIDE, SIDE, 3]).unwrap();
    out.into_iter().map(|b| b as i8).collect()
}

fn crc32s(events: &[Value]) -> Vec<u32> {
    let texts = of(events, "tensor").into_iter().map(|e| e["crc32"].as_str().unwrap().to_owned());
    texts.map(|t| u32::from_str_radix(&t, 16).unwrap()).collect()
}

#[test]
fn hello_tells_what_the_board_holds() {
    let file = file(true);
    let events = session(&file).run(b"@octet1 hello\n@octet1 quit\n");
    let hello = &events[0];
    assert_eq!(hello["event"], "hello");
    assert_eq!(hello["protocol"], 1);
    assert_eq!(hello["firmware"], "a test");
    assert_eq!(hello["target"], "esp32p4");
    assert_eq!(hello["model_crc32"], format!("{:08x}", crc32fast::hash(&file)));
    assert_eq!(hello["model_bytes"], file.len());
    let input = serde_json::json!({"name": "x", "shape": [1, 8, 8, 3], "dtype": "int8", "exponent": -6});
    assert_eq!(hello["input"], input);
    assert_eq!(hello["output"]["exponent"], -5);
    assert_eq!((&hello["classes"], &hello["layers"], &hello["tensors"]), (&16.into(), &2.into(), &3.into()));
    assert_eq!(hello["macs"], 64 * 48);
    assert_eq!(hello["clock"], "cycles");
    assert_eq!(events[1]["event"], "bye");
    assert_eq!(events.len(), 2);
}

#[test]
fn what_follows_the_file_is_not_part_of_it() {
    let file = file(true);
    let mut partition = file.clone();
    partition.extend([0xff; 100]);
    let events = session(&partition).run(b"@octet1 hello\n");
    assert_eq!(events[0]["model_crc32"], format!("{:08x}", crc32fast::hash(&file)));
}

#[test]
fn a_sent_picture_gives_the_desktops_integers() {
    let file = file(true);
    let pixels = picture(13, 9);
    let mut input =
        announce("picture id=7 top=2 layers=1 tensors=1 values=1 format=rgb888 width=13 height=9", &pixels);
    for (index, part) in pixels.chunks(100).enumerate() {
        input += &chunk(index * 100, part);
    }
    let events = session(&file).run(input.as_bytes());
    let (output, sums) = expected(&file, &prepared(&pixels, [13, 9]));
    let offsets: Vec<_> = of(&events, "next").iter().map(|e| e["offset"].as_u64().unwrap()).collect();
    assert_eq!(offsets, [0, 100, 200, 300, 351]);
    assert_eq!(crc32s(&events), sums);
    let values: Vec<i64> =
        of(&events, "values")[0]["values"].as_array().unwrap().iter().filter_map(Value::as_i64).collect();
    assert_eq!(values, output);
    let layers: Vec<_> = of(&events, "layer")
        .iter()
        .map(|e| (e["name"].clone(), e["op"].clone(), e["macs"].clone()))
        .collect();
    assert_eq!(layers[0], ("node c".into(), "Conv".into(), (64 * 48).into()));
    let result = of(&events, "result")[0];
    assert_eq!(
        (&result["id"], &result["source"], &result["layers"], &result["tensors"]),
        (&7.into(), &"sent".into(), &2.into(), &3.into())
    );
    let best = (0..16).max_by_key(|&i| (output[i], std::cmp::Reverse(i))).unwrap();
    assert_eq!(result["top"][0]["index"], best);
    assert_eq!(result["top"].as_array().unwrap().len(), 2);
    assert_eq!(result["crc32"].as_str(), Some(format!("{:08x}", sums[2]).as_str()));
}

#[test]
fn a_picture_of_the_networks_size_needs_no_other_memory() {
    let mut net = Net::default();
    net.input("x", DType::I8, &[1, SIDE, SIDE, 3], -6).output("y", DType::I8, &[1, 192], -6);
    net.node("Flatten", &["x"], "y", &[]).metadata("octet.target", "esp32p4");
    let file = net.build();
    // The arena is the network's input and nothing else.
    let tight = Session { spare: 0, ..session(&file) };
    let pixels = picture(SIDE, SIDE);
    let other = announce("picture id=1 format=rgb888 width=7 height=8", &pixels[..168]);
    let same = announce("picture tensors=1 format=rgb888 width=8 height=8", &pixels);
    let input = ["@octet1 hello\n", &other, &same, &chunk(0, &pixels)].concat();
    let events = tight.run(input.as_bytes());
    assert_eq!(events[0]["picture_bytes"], 0);
    let refused = &events[1];
    assert_eq!((&refused["code"], &refused["id"]), (&"picture".into(), &1.into()));
    assert_eq!(crc32s(&events), expected(&file, &prepared(&pixels, [SIDE, SIDE])).1);
    // Where the middle is cut out, the picture cannot be prepared where it lies.
    let cropped = Session { fit: Fit::Crop(500), spare: 0, ..session(&file) };
    assert_eq!(cropped.run(same.as_bytes())[0]["code"], "picture");
}

#[test]
fn parts_that_arrive_damaged_twice_or_astray_change_nothing() {
    let file = file(true);
    let tensor: Vec<u8> = (0..192).map(|i| i as u8).collect();
    let (first, second) = (chunk(0, &tensor[..100]), chunk(100, &tensor[100..]));
    let damaged = first.replace("data=A", "data=B");
    let input = [
        announce("tensor id=4 tensors=1", &tensor),
        damaged,
        second.clone(),
        first.clone(),
        first,
        "I (312) wifi: noise\r\n\r\n@octet0 hello\n".to_owned(),
        second,
    ];
    let events = session(&file).run(input.concat().as_bytes());
    let offsets: Vec<_> = of(&events, "next").iter().map(|e| e["offset"].as_u64().unwrap()).collect();
    assert_eq!(offsets, [0, 0, 0, 100, 100, 192]);
    let signed: Vec<i8> = tensor.iter().map(|&b| b as i8).collect();
    assert_eq!(crc32s(&events), expected(&file, &signed).1);
    assert!(of(&events, "error").is_empty());
}

#[test]
fn a_whole_with_another_crc32_is_refused() {
    let file = file(true);
    let tensor = [1; 192];
    let input = announce("tensor id=4", &[2; 192]) + &chunk(0, &tensor) + &chunk(0, &tensor);
    let events = session(&file).run(input.as_bytes());
    let codes: Vec<_> = of(&events, "error").iter().map(|e| (e["code"].clone(), e["id"].clone())).collect();
    assert_eq!(codes, [("transfer".into(), 4.into()), ("transfer".into(), Value::Null)]);
    assert!(of(&events, "result").is_empty());
}

#[test]
fn the_files_own_test_passes_or_names_what_differs() {
    for right in [true, false] {
        let file = file(right);
        let events = session(&file).run(b"@octet1 selftest id=2 tensors=1\r\n");
        let test = of(&events, "test")[0];
        assert_eq!(test["passed"], right);
        let (differing, first) = if right { (0, Value::Null) } else { (2, 3.into()) };
        assert_eq!((&test["differing"], &test["first"]), (&differing.into(), &first));
        assert_eq!(of(&events, "result")[0]["source"], "test");
    }
}

#[test]
fn embedded_pictures_are_classified_at_the_start_and_when_asked_for() {
    let file = file(true);
    let pixels = picture(20, 10);
    let frame = Frame::new(&pixels, 20, 10, PixelFormat::Rgb888).unwrap();
    let pictures = [Picture { frame, name: Some("a \"picture\"\n"), label: Some(2) }];
    let with = Session { pictures: &pictures, ..session(&file) };
    let events = with.run(b"@octet1 classify id=9 picture=0\n@octet1 classify id=10 picture=1\n");
    let results = of(&events, "result");
    assert_eq!(results.len(), 2);
    assert_eq!((&results[0]["label"], &results[0]["name"]), (&2.into(), &"a \"picture\"\n".into()));
    assert_eq!((&results[0]["layers"], &results[1]["layers"]), (&2.into(), &0.into()));
    assert_eq!(results[0]["crc32"], results[1]["crc32"]);
    let (output, _) = expected(&file, &prepared(&pixels, [20, 10]));
    let best = (0..16).max_by_key(|&i| (output[i], std::cmp::Reverse(i))).unwrap();
    assert_eq!(results[1]["top"][0]["index"], best);
    let error = of(&events, "error")[0];
    assert_eq!((&error["code"], &error["id"]), (&"picture".into(), &10.into()));
}

#[test]
fn labels_stand_beside_their_classes() {
    let file = file(true);
    let events = session(&file).run(b"@octet1 selftest top=10\n");
    for answer in of(&events, "result")[0]["top"].as_array().unwrap() {
        let label = ["ant", "bee", "\"cat\"\u{7}"].get(answer["index"].as_u64().unwrap() as usize);
        assert_eq!(answer["label"].as_str(), label.copied());
        assert!((0.0..=1.0).contains(&answer["score"].as_f64().unwrap()));
    }
}

#[test]
fn lines_that_are_no_commands_are_refused_by_name() {
    let file = file(true);
    let refused = [
        "nonsense",
        "",
        "hello id=1",
        "classify",
        "classify picture=-1",
        "classify picture=0 picture=0",
        "classify picture",
        "classify picture=0 colour=1",
        "classify picture=0 layers=2",
        "selftest top=0",
        "selftest top=11",
        "selftest id=4294967296",
        "selftest id=+1",
        "chunk offset=0 crc32=00000000",
        "chunk offset=0 crc32=0 data=",
        "tensor bytes=192",
        "tensor bytes=192 crc32=+0000000",
        "picture format=jpeg width=1 height=1 bytes=3 crc32=00000000",
        "quit now=1",
        "selftest  id=1",
        "\u{e9}",
    ];
    for line in refused {
        let events = session(&file).run(format!("@octet1 {line}\n").as_bytes());
        assert_eq!((events.len(), &events[0]["code"]), (1, &"command".into()), "{line}: {events:?}");
    }
    let wrong = [
        ("tensor bytes=191 crc32=00000000", "picture"),
        ("picture format=rgb888 width=8 height=8 bytes=191 crc32=00000000", "picture"),
        ("picture format=yuyv width=7 height=8 bytes=112 crc32=00000000", "picture"),
        ("picture format=grey8 width=4000000000 height=8 bytes=0 crc32=00000000", "picture"),
        ("chunk offset=0 crc32=00000000 data=", "transfer"),
    ];
    for (line, code) in wrong {
        let events = session(&file).run(format!("@octet1 {line}\n").as_bytes());
        assert_eq!((events.len(), &events[0]["code"]), (1, &code.into()), "{line}: {events:?}");
    }
    // Neither the marker of others nor a line without end or too long is for us.
    let long = format!("@octet1 hello{}\n@octet2 hello\n@octet1 hello", " ".repeat(2000));
    assert!(session(&file).run(long.as_bytes()).is_empty());
}

#[test]
fn cancelling_forgets_what_was_sent() {
    let file = file(true);
    let input = announce("tensor", &[1; 192]) + "@octet1 cancel\n" + &chunk(0, &[1; 192]);
    let events = session(&file).run(input.as_bytes());
    assert_eq!((&events[1]["event"], &events[1]["offset"]), (&"next".into(), &Value::Null));
    assert_eq!(events[2]["code"], "transfer");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_stop_a_board(noise in prop::collection::vec(any::<u8>(), 0..400), lines in prop::collection::vec(
        "@octet1 (picture|tensor|chunk|classify|hello|cancel)( (id|top|bytes|offset|width|height|format|crc32|data|picture)=[0-9a-f]{0,9}[=A-Z]{0,3}){0,6}\n",
        0..6,
    )) {
        let file = file(true);
        let input = [noise, b"\n".to_vec(), lines.concat().into_bytes(), b"@octet1 hello\n".to_vec()].concat();
        let events = session(&file).run(&input);
        prop_assert_eq!(&events.last().unwrap()["event"], "hello");
    }

    #[test]
    fn base64_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..100), room in 0usize..120) {
        let mut out = vec![0; room];
        let decoded = decode_base64(base64(&bytes).as_bytes(), &mut out);
        prop_assert_eq!(decoded, (bytes.len() <= room).then_some(bytes.len()));
        if decoded.is_some() {
            prop_assert_eq!(&out[..bytes.len()], &bytes[..]);
        }
    }

    #[test]
    fn every_base64_text_has_one_meaning(text in "[A-Za-z0-9+/=]{0,12}|.{0,12}") {
        let mut out = [0; 64];
        if let Some(length) = decode_base64(text.as_bytes(), &mut out) {
            prop_assert_eq!(base64(&out[..length]), text);
        }
    }

    #[test]
    fn crc32_is_that_of_zip(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0usize..200) {
        let (first, second) = bytes.split_at(cut.min(bytes.len()));
        let mut sum = Crc32::default();
        sum.add(first);
        sum.add(second);
        prop_assert_eq!(sum.value(), crc32fast::hash(&bytes));
    }
}
