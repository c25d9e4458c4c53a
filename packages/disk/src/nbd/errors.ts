import { catalogue } from '@nixen/core'

/** Errors of NBD, both sides. `where` names the server or the export. */
export const nbdErrors = catalogue('nbd', {
  unreachable: {
    status: 502,
    retryable: true,
    text: (p: { where: string }) => `The NBD server ${p.where} can't be reached. Check its address and that it runs.`,
  },
  disconnected: {
    status: 502,
    retryable: true,
    text: (p: { where: string }) => `The NBD server ${p.where} closed the connection before it had answered.`,
  },
  timeout: {
    status: 504,
    retryable: true,
    text: (p: { where: string; ms: number }) => `The NBD server ${p.where} did not answer within ${p.ms} ms.`,
  },
  protocol: {
    status: 502,
    text: (p: { where: string; problem: string }) => `${p.where} does not keep to the NBD protocol: ${p.problem}.`,
  },
  refused: {
    status: 502,
    text: (p: { where: string; option: string; reason: string; text: string }) =>
      `The NBD server ${p.where} refused ${p.option} (${p.reason})${p.text ? `: ${p.text}` : ''}.`,
  },
  unknown_export: {
    status: 404,
    text: (p: { where: string; exportName: string; text?: string }) =>
      `The NBD server ${p.where} has no export named "${p.exportName}"${p.text ? ` (${p.text})` : ''}.`,
  },
  tls_required: {
    status: 502,
    text: (p: { where: string }) =>
      `The NBD server ${p.where} only talks TLS. Give it a certificate authority to trust.`,
  },
  tls_unavailable: {
    status: 502,
    text: (p: { where: string }) =>
      `The NBD server ${p.where} has no TLS, and no export is read without it because TLS was asked for.`,
  },
  tls_failed: {
    status: 502,
    text: (p: { where: string; problem: string }) => `TLS with the NBD server ${p.where} failed: ${p.problem}.`,
  },
  context_missing: {
    status: 409,
    text: (p: { where: string; context: string }) =>
      `The NBD export ${p.where} has no metadata context "${p.context}". Name it when opening, and check that the bitmap still exists.`,
  },
  request_failed: {
    status: 502,
    text: (p: { where: string; command: string; offset: number; length: number; reason: string; text: string }) =>
      `The NBD server ${p.where} failed to ${p.command} ${p.length} bytes at ${p.offset}: ${p.reason}${p.text ? ` (${p.text})` : ''}.`,
  },
  read_only: { status: 409, text: (p: { where: string }) => `The NBD export ${p.where} can't be written.` },
  out_of_range: {
    status: 400,
    text: (p: { offset: number; length: number; size: number }) =>
      `${p.length} bytes at ${p.offset} are not within the ${p.size} bytes of the disk.`,
  },
  unaligned: {
    status: 400,
    text: (p: { where: string; offset: number; length: number; minimum: number }) =>
      `${p.where} is only written in whole blocks of ${p.minimum} bytes, and ${p.length} bytes at ${p.offset} are not.`,
  },
  export_changed: {
    status: 409,
    text: (p: { where: string; what: string }) =>
      `${p.where} is not the same after the connection was cut: its ${p.what} changed. Open it again.`,
  },
  closed: { status: 409, text: (p: { where: string }) => `The NBD export ${p.where} was closed already.` },
  unflushed_writes_lost: {
    status: 409,
    text: (p: { where: string }) =>
      `The connection to ${p.where} was cut after writes that no flush had made durable. Write them again from the last flush.`,
  },
  overlay_mismatch: {
    status: 409,
    text: (p: { path: string; problem: string }) => `${p.path} is not an overlay of this disk: ${p.problem}.`,
  },
  listen_failed: {
    status: 500,
    text: (p: { where: string; reason: string }) => `Can't listen for NBD on ${p.where}: ${p.reason}.`,
  },
})
