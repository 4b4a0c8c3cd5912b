"""A board in QEMU, and the app's half of the console protocol (docs/console.md). Python's standard library suffices."""

import base64
import json
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import zlib

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or HERE.parents[1] / "target").resolve() / "qemu"
MARKER = b"@octet1 "

# What a processor of each chip has: the C3's is without floating point, the P4's has single precision.
PROCESSORS = {
    "riscv32imc": "rv32,a=off,f=off,d=off",
    "riscv32imafc": "rv32,d=off",
}

# As in src/board.rs.
PARAMETERS, MAGIC = 0x80400000, 0x7465636F
MODEL, ARENA = 0x80800000, 0x83000000
RAM_MIB = 128
MODEL_LIMIT = ARENA - MODEL
ARENA_LIMIT = 0x80000000 + (RAM_MIB << 20) - ARENA


class Failed(Exception):
    """A message for people."""


def missing():
    """What has to be installed before a board can be built and run; empty when nothing."""
    needs = {
        "qemu-system-riscv32": "qemu-system-misc",
        "ld.lld": "lld",
        "/usr/bin/rustc": "rustc-web",
        "/usr/bin/cargo": "cargo-web",
    }
    found = [f"{program} (Debian: {package})" for program, package in needs.items() if not shutil.which(program)]
    if not found and not list(pathlib.Path("/usr/src").glob("rustc-*/library/core")):
        found.append("the sources of Rust's core (Debian: rust-web-src)")
    return found


def build(target, program="octet-qemu"):
    """Builds the board's programs; returns the path of one. Nothing is compiled twice."""
    if lacking := missing():
        raise Failed("missing: " + ", ".join(lacking))
    triple = f"{target}-unknown-none-elf"
    command = ["/usr/bin/cargo", "build", "--quiet", "--release", "--locked", "-Zbuild-std=core", "--target", triple,
               "--target-dir", str(BUILD), "--manifest-path", str(HERE / "Cargo.toml")]
    environment = dict(os.environ)
    # Those of a test's own cargo would name another compiler.
    for name in list(environment):
        if name.startswith(("CARGO", "RUST")) and name not in ("CARGO_HOME", "CARGO_HTTP_CAINFO"):
            del environment[name]
    environment["RUSTC"] = "/usr/bin/rustc"
    # -Zbuild-std, since the targets are not installed, only the sources of the compiler.
    environment["RUSTC_BOOTSTRAP"] = "1"
    environment["RUSTFLAGS"] = f"-Clinker=ld.lld -Clink-arg=-T{HERE / 'link.x'}"
    # Without the network as long as nothing has to be fetched.
    offline = subprocess.run([*command, "--offline"], env=environment, capture_output=True, text=True)
    if offline.returncode != 0:
        online = subprocess.run(command, env=environment, capture_output=True, text=True)
        if online.returncode != 0:
            raise Failed(f"the board's program does not build:\n{online.stderr}")
    return BUILD / triple / "release" / program


def read_npy(path):
    """Type (`i1`, `i2`, `f4`), shape and bytes (little endian, C order) of a .npy file."""
    data = pathlib.Path(path).read_bytes()
    if data[:6] != b"\x93NUMPY" or len(data) < 12:
        raise Failed(f"{path} is no .npy file")
    wide = data[6] > 1
    length = struct.unpack_from("<I" if wide else "<H", data, 8)[0]
    start = (12 if wide else 10) + length
    header = data[12 if wide else 10:start].decode("latin-1")

    def field(name):
        return header.split(f"'{name}':", 1)[1].strip()

    try:
        descr = field("descr")[1:].split("'")[0].lstrip("<|")
        fortran = field("fortran_order").startswith("True")
        shape = [int(n) for n in field("shape")[1:].split(")")[0].split(",") if n.strip()]
    except (IndexError, ValueError) as error:
        raise Failed(f"{path}: the header of the .npy file is damaged") from error
    if descr not in ("i1", "i2", "f4") or fortran:
        raise Failed(f"{path}: int8, int16 or float32 in C order is needed, not {descr}")
    return descr, shape, data[start:]


def quantized(floats, exponent, dtype, half_even):
    """Bytes of the contract's integers: saturate(round(x * 2^-e)), in float32 as the runtime computes it."""
    low, high, code = (-128, 127, "b") if dtype == "int8" else (-32768, 32767, "h")
    values = []
    for x in struct.unpack(f"<{len(floats) // 4}f", floats):
        scaled = x * 2.0 ** -exponent
        if scaled != scaled:
            integer = 0
        elif abs(scaled) >= 2.0**23:
            integer = high if scaled > 0 else low
        elif half_even:
            integer = round(scaled)
        else:
            integer = int(struct.unpack("<f", struct.pack("<f", scaled + 0.5))[0] // 1)
        values.append(min(max(integer, low), high))
    return struct.pack(f"<{len(values)}{code}", *values)


def parse_event(line):
    """The object of a line, or None for one that is none of ours or was written into."""
    at = line.rfind(MARKER)
    if at < 0:
        return None
    crc, _, text = line[at + len(MARKER):].rstrip(b"\r\n").partition(b" ")
    try:
        if int(crc, 16) != zlib.crc32(text):
            return None
        return json.loads(text)
    except ValueError:
        return None


def command(program, target, model, arena_bytes, console):
    """The emulator's command line; `console` is what the UART is connected to."""
    size = os.path.getsize(model)
    if size > MODEL_LIMIT:
        raise Failed(f"{model} has {size} bytes; the board has room for {MODEL_LIMIT}")
    arena = ARENA_LIMIT if arena_bytes is None else arena_bytes
    if not 0 < arena <= ARENA_LIMIT:
        raise Failed(f"the arena must have 1 to {ARENA_LIMIT >> 10} KiB")
    loaders = [f"loader,file={str(model).replace(',', ',,')},addr={MODEL:#x},force-raw=on"]
    for index, value in enumerate([MAGIC, size, arena]):
        loaders.append(f"loader,addr={PARAMETERS + 4 * index:#x},data={value:#x},data-len=4")
    line = ["qemu-system-riscv32", "-M", "virt", "-cpu", PROCESSORS[target], "-m", f"{RAM_MIB}M", "-bios", "none",
            "-display", "none", "-monitor", "none", "-chardev", console, "-serial", "chardev:console",
            "-semihosting-config", "enable=on,target=native", "-icount", "shift=0", "-kernel", str(program)]
    for loader in loaders:
        line += ["-device", loader]
    return line


class Board:
    """A running board. Use it as a context manager."""

    def __init__(self, program, target, model, arena_bytes=None):
        line = command(program, target, model, arena_bytes, "stdio,id=console,signal=off")
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)
        self.other = []
        self.sequence = 0
        try:
            self.hello = self.wait("hello")
        except BaseException:
            self.end()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self.errors.close()

    def event(self):
        """The next event; whatever else stands on the console is kept in `other`."""
        while line := self.process.stdout.readline():
            event = parse_event(line)
            if event is None:
                if line.strip():
                    self.other.append(line)
                continue
            if event["seq"] != self.sequence:
                raise Failed(f"event {event['seq']} came where {self.sequence} was expected")
            self.sequence += 1
            return event
        code = self.process.wait()
        self.errors.seek(0)
        raise Failed(f"the board stopped with code {code}: {self.errors.read().decode(errors='replace')}")

    def wait(self, *names):
        """The next event of these names; an error raises."""
        while True:
            event = self.event()
            if event["event"] == "error" and "error" not in names:
                raise Failed(f"{event['code']}: {event['message']}")
            if event["event"] in names:
                return event

    def command(self, text):
        self.process.stdin.write(MARKER + text.encode() + b"\n")
        self.process.stdin.flush()

    def send(self, announcement, data):
        """Sends a tensor or picture in parts, after the line that announces it."""
        self.command(f"{announcement} bytes={len(data)} crc32={zlib.crc32(data):08x}")
        chunk = self.hello["chunk_bytes"]
        while (offset := self.wait("next")["offset"]) < len(data):
            part = data[offset:offset + chunk]
            text = base64.b64encode(part).decode()
            self.command(f"chunk offset={offset} crc32={zlib.crc32(part):08x} data={text}")

    def collect(self, last="result"):
        """All events up to the one of that name, by name."""
        events = {}
        while last not in events:
            event = self.event()
            if event["event"] == "error":
                raise Failed(f"{event['code']}: {event['message']}")
            events.setdefault(event["event"], []).append(event)
        result = events[last][-1]
        if last == "result":
            for kind in ("layer", "tensor"):
                if len(events.get(kind, [])) != result[kind + "s"]:
                    raise Failed(f"a line of the kind {kind} was lost")
        return events

    def tensor_bytes(self, descr, data):
        """A tensor as the network's input wants it; floats are quantized."""
        wanted = self.hello["input"]
        if descr == "f4":
            half_even = self.hello["target"] in ("esp32p4", "esp32s31")
            return quantized(data, wanted["exponent"], wanted["dtype"], half_even)
        if {"i1": "int8", "i2": "int16"}[descr] != wanted["dtype"]:
            raise Failed(f"the network's input is {wanted['dtype']}")
        return data

    def quit(self):
        self.command("quit")
        self.wait("bye")
        self.other += [line for line in self.process.stdout if line.strip()]
        return self.process.wait(timeout=60)

    def stack_bytes(self):
        """What the whole session took of the stack; known after `quit`."""
        found = [line.split()[1] for line in self.other if line.startswith(b"stack: ")]
        return int(found[-1]) if found else None
