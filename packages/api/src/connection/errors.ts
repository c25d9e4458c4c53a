import { errorArea } from '../errors/area.ts'

/** Errors of reaching a hypervisor. Providers throw these; `xapi.<CODE>` and the like pass through beside them. */
export const connectionArea = errorArea('connection', {
  not_found: {
    status: 404,
    text: (p: { id: string }) => `There is no connection ${p.id}.`,
    example: { id: 'k3f9x2ab' },
  },
  exists: {
    status: 409,
    text: (p: { address: string; id: string; name: string }) =>
      `The pool of ${p.address} is connected already, as "${p.name}" (${p.id}).`,
    example: { address: 'https://pool.example.net', id: 'k3f9x2ab', name: 'Rack 1' },
  },
  unreachable: {
    status: 502,
    retryable: true,
    text: (p: { address: string; reason: string }) =>
      `${p.address} cannot be reached (${p.reason}). Check the address, the network and that the host is on.`,
    example: { address: 'https://pool.example.net', reason: 'connection refused' },
  },
  timeout: {
    status: 504,
    retryable: true,
    text: (p: { address: string; seconds: number; what: string }) =>
      `${p.address} did not answer ${p.what} within ${p.seconds} s.`,
    example: { address: 'https://pool.example.net', seconds: 30, what: 'the log-in' },
  },
  lost: {
    status: 502,
    retryable: true,
    text: (p: { address: string; reason: string }) =>
      `The connection to ${p.address} broke (${p.reason}). What was asked for may or may not have been done.`,
    example: { address: 'https://pool.example.net', reason: 'socket hang up' },
  },
  not_connected: {
    status: 503,
    retryable: true,
    text: (p: { id: string; name: string; state: string }) =>
      `${p.name} is not connected now (${p.state}). See "nixen connection get ${p.id}".`,
    example: { id: 'k3f9x2ab', name: 'Rack 1', state: 'waiting' },
  },
  wrong_credentials: {
    status: 422,
    text: (p: { address: string; username: string }) =>
      `${p.address} does not accept the password of ${p.username}. Give the right one; Nixen does not try this one again.`,
    example: { address: 'https://pool.example.net', username: 'root' },
  },
  forbidden: {
    status: 422,
    text: (p: { address: string; username: string; action: string }) =>
      `${p.username} may not do ${p.action} on ${p.address}. Give it more rights there, or use another user.`,
    example: { address: 'https://pool.example.net', username: 'monitor', action: 'VM.start' },
  },
  unknown_certificate: {
    status: 422,
    text: (p: { address: string; fingerprint: string }) =>
      `The certificate of ${p.address} is not signed by a known authority. Compare its fingerprint, ${p.fingerprint}, with the one that the host shows, and connect with that fingerprint if it is the same.`,
    example: { address: 'https://pool.example.net', fingerprint: '3A:91:…' },
  },
  certificate_changed: {
    status: 422,
    text: (p: { address: string; pinned: string; found: string }) =>
      `The certificate of ${p.address} is not the one that was pinned (${p.pinned}) but ${p.found}. If it was replaced on purpose, give the connection the new fingerprint; otherwise somebody may be listening.`,
    example: { address: 'https://pool.example.net', pinned: '3A:91:…', found: '77:0C:…' },
  },
  tls_failed: {
    status: 502,
    text: (p: { address: string; reason: string }) => `TLS with ${p.address} failed (${p.reason}).`,
    example: { address: 'https://pool.example.net', reason: 'wrong version number' },
  },
  not_the_product: {
    status: 422,
    text: (p: { address: string; wanted: string; found: string }) =>
      `${p.address} does not speak ${p.wanted}: ${p.found}. Check the address and the kind of the connection.`,
    example: { address: 'https://www.example.net', wanted: 'XAPI', found: 'it answered with a web page' },
  },
  other_pool: {
    status: 422,
    text: (p: { address: string; expected: string; found: string }) =>
      `${p.address} is another pool (${p.found}) than the one that was connected (${p.expected}). Remove the connection and add a new one.`,
    example: { address: 'https://pool.example.net', expected: '6f1c…', found: '08aa…' },
  },
  unsupported: {
    status: 422,
    text: (p: { action: string; reason: string }) => `${p.action} is not possible here: ${p.reason}`,
    example: { action: 'vm:suspend', reason: 'libvirt on this host has no managed save.' },
  },
  read_only: {
    status: 409,
    text: (p: { name: string }) =>
      `${p.name} is connected read-only, so Nixen changes nothing there. Whoever may update the connection can lift that.`,
    example: { name: 'Rack 1' },
  },
  bad_answer: {
    status: 502,
    text: (p: { address: string; what: string; reason: string }) =>
      `${p.address} answered ${p.what} in a way that makes no sense (${p.reason}).`,
    example: { address: 'https://pool.example.net', what: 'VM.get_all_records', reason: 'not JSON' },
  },
  provider: {
    status: 502,
    text: (p: { address: string; code: string; message: string }) => `${p.address} refused: ${p.message} [${p.code}]`,
    example: {
      address: 'https://pool.example.net',
      code: 'SR_BACKEND_FAILURE_46',
      message: 'The VDI is not available',
    },
  },
})
export const connectionErrors = connectionArea.make
