// The server's side of a WebSocket (RFC 6455) between a client's connection and a Worker's socket.

import { createHash } from "node:crypto";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

export function join(request, connection, head, socket) {
  const accept = createHash("sha1").update(request.headers["sec-websocket-key"] + GUID).digest("base64");
  connection.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  const write = (code, payload) => connection.writable && connection.write(frame(code, payload));
  const close = (code) => {
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(code);
    write(8, payload);
    connection.end();
  };
  socket.addEventListener("message", ({ data }) => write(typeof data === "string" ? 1 : 2, Buffer.from(data)));
  socket.addEventListener("close", ({ code }) => close(code ?? 1000));
  let ahead = head;
  const read = () => {
    for (let taken = take(ahead); taken; taken = take(ahead)) {
      ahead = taken.rest;
      if (taken.code === 8) return close(1000);
      if (taken.code === 9) write(10, taken.payload);
      if (taken.code === 2) socket.send(new Uint8Array(taken.payload).buffer);
      if (taken.code === 1) {
        try {
          socket.send(new TextDecoder("utf-8", { fatal: true }).decode(taken.payload));
        } catch {
          return close(1007);
        }
      }
    }
  };
  connection.on("data", (bytes) => {
    ahead = Buffer.concat([ahead, bytes]);
    read();
  });
  connection.on("error", () => connection.destroy());
  read();
}

function frame(code, payload) {
  const { length } = payload;
  const head = length < 126 ? Buffer.from([0x80 | code, length]) : Buffer.from([0x80 | code, 126, length >> 8, length & 255]);
  return Buffer.concat([head, payload]);
}

// A whole masked frame off the front; fragments are not expected of a client of this machine.
function take(bytes) {
  if (bytes.length < 6) return undefined;
  const code = bytes[0] & 15;
  let length = bytes[1] & 127;
  let start = 2;
  if (length === 126) [length, start] = [bytes.readUInt16BE(2), 4];
  if (bytes.length < start + 4 + length) return undefined;
  const mask = bytes.subarray(start, start + 4);
  const payload = Buffer.from(bytes.subarray(start + 4, start + 4 + length).map((byte, index) => byte ^ mask[index % 4]));
  return { code, payload, rest: bytes.subarray(start + 4 + length) };
}
