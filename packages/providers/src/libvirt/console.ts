import { once } from 'node:events'
import { connect } from 'node:net'
import { connectionErrors, consoleErrors, typeOfId, type ConsoleProtocol } from '@nixen/api'
import { collectBytes, messageOf } from '@nixen/core'
import { constants as c, isLibvirtError, parseDomain, type Domain, type DomainGraphics } from '@nixen/libvirt'
import type { ConsoleOptions, ConsoleOwner, ConsoleStream, ProviderConsoles, Screenshot } from '../console/console.ts'
import { domainOf, isActive, type LibvirtContext } from './actions/context.ts'
import type { Translate } from './actions/actions.ts'

/** No screen has more bytes. */
const maxScreenshot = 64 * 1024 * 1024

/** Screens (VNC) and serial consoles of domains. */
export function libvirtConsoles(context: LibvirtContext, translate: Translate): ProviderConsoles {
  const asked = async <T>(id: ConsoleOwner, work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      signal?.throwIfAborted()
      throw translate(error, id)
    }
  }
  return {
    find: async (id, options) =>
      await asked(id, async () => (await find(context, id, options)).protocol, options.signal),
    open: async (id, options) => await asked(id, async () => await open(context, id, options), options.signal),
    screenshot: async (id, { signal }) =>
      await asked(id, async () => await screenshot(context, await domainOf(context, id), { id, signal }), signal),
  }
}

interface Found {
  readonly dom: Domain
  readonly protocol: ConsoleProtocol
  readonly graphics?: DomainGraphics | undefined
}

async function find(context: LibvirtContext, id: ConsoleOwner, { kind }: ConsoleOptions): Promise<Found> {
  if (typeOfId(id) === 'host') throw consoleErrors.none({ id, kind, reason: 'libvirt has no console of hosts.' })
  // Not a host, so a VM.
  const dom = await domainOf(context, id as Parameters<typeof domainOf>[1])
  if (!(await isActive(context.link.main, dom))) throw consoleErrors.not_shown({ id })
  const domain = parseDomain(
    (await context.link.main.call.domainGetXmlDesc({ dom, flags: c.VIR_DOMAIN_XML_SECURE })).xml,
  )
  if (kind === 'text') {
    if (domain.hasSerial) return { dom, protocol: 'vt100' }
    throw consoleErrors.none({ id, kind, reason: 'It has no serial port.' })
  }
  const graphics = domain.graphics.find(({ type }) => type === 'vnc')
  if (graphics) return { dom, protocol: 'rfb', graphics }
  const others = domain.graphics.map(({ type }) => type).join(', ')
  throw consoleErrors.none({
    id,
    kind,
    reason: others === '' ? 'It has no screen.' : `Its screen is shown by ${others} only.`,
  })
}

async function open(context: LibvirtContext, id: ConsoleOwner, options: ConsoleOptions): Promise<ConsoleStream> {
  const { dom, protocol, graphics } = await find(context, id, options)
  if (graphics) return { protocol, bytes: await openScreen(context, graphics, options.signal) }
  const libvirt = await context.link.main.another({}, { signal: options.signal })
  try {
    const { stream } = await libvirt.stream(
      'domainOpenConsole',
      { dom, devName: undefined, flags: c.VIR_DOMAIN_CONSOLE_FORCE },
      options,
    )
    const bytes = stream.toDuplex()
    bytes.on('error', () => undefined)
    bytes.once('close', () => void libvirt[Symbol.asyncDispose]())
    return { protocol, bytes }
  } catch (error) {
    await libvirt[Symbol.asyncDispose]()
    throw error
  }
}

/**
 * A screen is shown at a socket or port of the host, which is reached when the host is this machine, or shows it to the network. libvirt's own
 * way there hands over a file descriptor, which does not go over a network.
 */
async function openScreen({ link }: LibvirtContext, graphics: DomainGraphics, signal: AbortSignal | undefined) {
  const { transport, host } = link.main.uri
  const isLocal = transport === 'unix'
  const { socket: path, port, listen } = graphics
  if (graphics.hasPassword) {
    throw connectionErrors.unsupported({
      action: 'console',
      reason: 'The screen has a VNC password; take it away from the definition.',
    })
  }
  const isOpen = listen !== undefined && !/^(127\.|::1$|localhost$)/.test(listen)
  const to =
    isLocal && path !== undefined
      ? { path }
      : port !== undefined && (isLocal || isOpen)
        ? { port, host: isLocal ? localAddress(listen) : (host ?? listen ?? '') }
        : undefined
  if (!to) {
    throw connectionErrors.unsupported({
      action: 'console',
      reason:
        'The screen is shown only on the host itself. Let <graphics> listen at an address of the host, or use the text console.',
    })
  }
  const socket = connect(to)
  socket.on('error', () => undefined)
  try {
    await once(socket, 'connect', signal ? { signal } : {})
    return socket
  } catch (cause) {
    socket.destroy()
    throw connectionErrors.unreachable({ address: link.main.uri.text, reason: messageOf(cause) }, { cause })
  }
}

const localAddress = (listen: string | undefined): string =>
  listen === undefined || listen === '0.0.0.0' || listen === '' ? '127.0.0.1' : listen === '::' ? '::1' : listen

async function screenshot(
  { link }: LibvirtContext,
  dom: Domain,
  { id, signal }: { readonly id: ConsoleOwner; readonly signal: AbortSignal | undefined },
): Promise<Screenshot> {
  await using libvirt = await link.main.another({ keepalive: false }, { signal })
  try {
    const { ret, stream } = await libvirt.stream('domainScreenshot', { dom, screen: 0 }, { signal })
    const bytes = await collectBytes(stream.bytes(), { limit: maxScreenshot })
    const type = ret.mime ?? 'image/x-portable-pixmap'
    if (type === 'image/png' || type === 'image/jpeg') return { type, bytes }
    throw connectionErrors.unsupported({ action: 'screenshot', reason: `The host gives pictures as ${type} only.` })
  } catch (error) {
    if (isLibvirtError(error, c.VIR_ERR_OPERATION_INVALID)) throw consoleErrors.not_shown({ id }, { cause: error })
    throw error
  }
}
