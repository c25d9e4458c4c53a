import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { createServer, isIP } from 'node:net'
import { join } from 'node:path'
import { formatDuration, messageOf, systemCode } from '@nixen/core'
import { ownNames, type Settings } from '@nixen/server'
import { ok, problem, skipped, warning, type Finding } from './finding.ts'

const day = 86_400_000
/** A certificate of an authority is warned about so long before its end. */
const soon = 21 * day

/** Whether the certificate that is served is there, still valid, and names this machine. */
export async function checkCertificate(directory: string, settings: Settings, now: number): Promise<Finding> {
  const check = 'certificate'
  const mode = settings['tls.mode']
  if (mode === 'off') return skipped(check, 'TLS is off (tls.mode); a proxy on this machine must do it.')
  const isOwn = mode === 'own'
  const path = isOwn ? settings['tls.certificate'] : join(directory, 'tls/self-signed.pem')
  const mend = isOwn
    ? `Put a new certificate in ${path} (and its key where tls.key says), and restart Nixen.`
    : `Restart Nixen: it makes a new one. Those who pinned the old one have to log in again.`
  let certificate: X509Certificate
  try {
    const text = await readFile(path, 'utf8')
    certificate = new X509Certificate(text.slice(text.indexOf('-----BEGIN CERTIFICATE-----')))
  } catch (error) {
    if (systemCode(error) === 'ENOENT' && !isOwn) return ok(check, 'The first start makes a certificate.')
    return problem(check, `The certificate ${path} cannot be read (${messageOf(error)}).`, mend)
  }
  const from = certificate.validFromDate.getTime()
  const left = certificate.validToDate.getTime() - now
  if (from > now)
    return problem(check, `The certificate is valid from ${certificate.validFrom} on only. Is the clock right?`, mend)
  if (left <= 0) return problem(check, `The certificate ended on ${certificate.validTo}.`, mend)
  const unnamed = (isOwn ? settings['tls.names'] : ownNames(settings['tls.names'])).filter(
    (name) => !(isIP(name) ? certificate.checkIP(name) : certificate.checkHost(name)),
  )
  if (unnamed.length > 0)
    return warning(check, `The certificate does not name ${unnamed.join(', ')}, where this machine is reached.`, mend)
  if (left < soon) return warning(check, `The certificate ends in ${formatDuration(left)}.`, mend)
  return ok(check, `The certificate is valid until ${certificate.validTo}.`)
}

/** Whether the port is free for a server that does not run. */
export async function checkPort(settings: Settings): Promise<Finding> {
  const check = 'port'
  const host = settings['server.listen']
  const port = settings['server.port']
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const server = createServer().once('error', (error) => resolve(systemCode(error) ?? error.message))
  server.listen({ host, port, exclusive: true }, () => resolve(undefined))
  const reason = await promise
  if (reason === undefined) await new Promise((done) => server.close(done))
  const address = `${host}:${port}`
  switch (reason) {
    case undefined:
      return ok(check, `${address} is free.`)
    case 'EADDRINUSE':
      return problem(
        check,
        `Another program listens on ${address}.`,
        `Find it with "ss -ltnp 'sport = :${port}'" and stop it, or choose another: nixen serve --set server.port=PORT`,
      )
    case 'EACCES':
      return problem(
        check,
        `You may not listen on ${address}: ports below 1024 are for root.`,
        'Choose a higher one (server.port), or give the service the capability CAP_NET_BIND_SERVICE.',
      )
    case 'EADDRNOTAVAIL':
      return problem(
        check,
        `This machine has no address ${host}.`,
        'Set server.listen to one it has, or to 0.0.0.0 or ::.',
      )
    default:
      return problem(
        check,
        `${address} cannot be listened on (${reason}).`,
        'Set server.listen and server.port to what is possible.',
      )
  }
}

/** The difference of two clocks that is still good: certificates, one-time codes and statistics need them close. */
const closeClocks = 5000
const farClocks = 60_000

/** How far the clock of the machine behind a connection is from ours, as its HTTP server tells the time. Sends nothing but the question. */
export async function checkClock(name: string, address: string, clock: { now(): number }): Promise<Finding> {
  const check = 'clock'
  if (!/^https?:\/\//.test(address)) return skipped(check, `${name}: ${address} does not tell the time.`)
  const before = clock.now()
  const date = await dateOf(address).catch(() => undefined)
  const after = clock.now()
  if (date === undefined) return skipped(check, `${name}: ${address} does not tell the time.`)
  // `Date` has whole seconds, and was written between the question and the answer.
  const skew = date + 1000 < before ? date + 1000 - before : date > after ? date - after : 0
  const text = `The clock of ${name} is ${formatDuration(Math.abs(skew))} ${skew < 0 ? 'behind' : 'ahead'}.`
  const mend =
    'Let both machines take the time from the same place (chrony, systemd-timesyncd): "timedatectl" shows whether this one does.'
  if (Math.abs(skew) >= farClocks) return problem(check, text, mend)
  if (Math.abs(skew) >= closeClocks) return warning(check, text, mend)
  return ok(check, `The clock of ${name} agrees with this machine's.`)
}

async function dateOf(address: string): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>()
  const request = address.startsWith('https:') ? httpsRequest : httpRequest
  // Only the time is looked at, which is no secret: whose certificate it is does not matter.
  const sent = request(address, { method: 'HEAD', rejectUnauthorized: false, timeout: 5000 }, (response) => {
    response.resume()
    resolve(response.headers.date)
  })
  sent.on('error', reject).on('timeout', () => sent.destroy(new Error('no answer within 5 s')))
  sent.end()
  const text = await promise
  sent.destroy()
  const date = text === undefined ? Number.NaN : Date.parse(text)
  return Number.isNaN(date) ? undefined : date
}
