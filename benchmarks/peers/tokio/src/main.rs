//! tokio as its users write it: a task for each connection that reads and writes back. One loop is
//! the current-thread runtime, its faster one; several are workers that steal from each other.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

const READ_BUFFER_BYTES: usize = 64 * 1024;

struct Arguments {
    port: u16,
    loops: usize,
    work: Duration,
}

fn parse_arguments() -> Arguments {
    let mut arguments = Arguments {
        port: 0,
        loops: 1,
        work: Duration::ZERO,
    };
    for text in std::env::args().skip(1) {
        let (name, value) = text.split_once('=').expect("flags look like --name=value");
        match name {
            "--port" => arguments.port = value.parse().expect("--port"),
            "--loops" => arguments.loops = value.parse().expect("--loops"),
            "--work_us" => {
                arguments.work = Duration::from_micros(value.parse().expect("--work_us"))
            }
            _ => panic!("unknown flag {name}; expected --port, --loops or --work_us"),
        }
    }
    arguments
}

fn new_runtime(loops: usize) -> std::io::Result<Runtime> {
    if loops == 1 {
        Builder::new_current_thread().enable_io().build()
    } else {
        Builder::new_multi_thread()
            .worker_threads(loops)
            .enable_io()
            .build()
    }
}

async fn serve(mut stream: TcpStream, work: Duration) {
    // Reserved, not zeroed: memory that is never read into is never touched.
    let mut buffer = Vec::with_capacity(READ_BUFFER_BYTES);
    loop {
        buffer.clear();
        if matches!(stream.read_buf(&mut buffer).await, Ok(0) | Err(_)) {
            return;
        }
        if !work.is_zero() {
            let begin = Instant::now();
            while begin.elapsed() < work {}
        }
        if stream.write_all(&buffer).await.is_err() {
            return;
        }
    }
}

async fn accept(listener: TcpListener, work: Duration) -> std::io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(stream, work));
    }
}

fn main() -> std::io::Result<()> {
    let arguments = parse_arguments();
    new_runtime(arguments.loops)?.block_on(async move {
        let listener = TcpListener::bind(("127.0.0.1", arguments.port)).await?;
        println!("listening on tcp://{}", listener.local_addr()?);
        let work = arguments.work;
        tokio::spawn(accept(listener, work))
            .await
            .expect("the accepting task")
    })
}
