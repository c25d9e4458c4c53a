import { newUuid, type Clock } from '@nixen/core'
import { constants as c, isLibvirtError, xml, type Domain, type Libvirt, type LibvirtEvent } from '@nixen/libvirt'
import type { Link } from './link.ts'

/** Milliseconds in which firmware has to have run by KVM; it takes a third of a second. */
const limit = 10_000
const prefix = 'nixen-boot-probe-'

/** Whether a domain is a probe: no inventory tells of it. */
export const isProbe = (name: string): boolean => name.startsWith(prefix)

/** What was found out, for as long as the connection lasts. */
const known = new WeakMap<Link, Promise<boolean>>()

/** Whether guests run by KVM on an x86 host whose libvirt offers it. Asked once for each connection. */
export async function runsKvm(link: Link, clock: Clock): Promise<boolean> {
  const asked = known.get(link)
  if (asked) return await asked
  const answer = link.slow(async (libvirt) => await bootsGuests(libvirt, { type: 'kvm', clock, within: limit }))
  known.set(link, answer)
  // A connection that broke says nothing about KVM.
  answer.catch(() => known.delete(link))
  return await answer
}

/**
 * Boots a guest without disks: its firmware finds nothing, resets the machine, and the domain ends with that. /dev/kvm may be there and run no
 * guest, which shows as a QEMU that does not start, crashes, or never gets that far.
 */
export async function bootsGuests(
  libvirt: Libvirt,
  { type, clock, within }: { readonly type: 'kvm' | 'qemu'; readonly clock: Clock; readonly within: number },
): Promise<boolean> {
  const uuid = newUuid()
  const ended = Promise.withResolvers<boolean>()
  const listener = (event: LibvirtEvent): void => {
    if (event.name !== 'domainEventCallbackLifecycle') return
    const { dom, event: what, detail } = event.message.msg
    if (dom.uuid !== uuid || what !== c.VIR_DOMAIN_EVENT_STOPPED) return
    ended.resolve(detail === c.VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN)
  }
  await using _listening = await libvirt.listen({ domain: [c.VIR_DOMAIN_EVENT_ID_LIFECYCLE] }, listener)
  const started = await start(libvirt, probeXml(type, uuid))
  if (!started) return false
  const done = new AbortController()
  const late = clock.sleep(within, { signal: done.signal }).then(
    () => false,
    () => false,
  )
  const lost = libvirt.closed.then((error) => {
    throw error
  })
  try {
    return await Promise.race([ended.promise, late, lost])
  } finally {
    done.abort()
    await libvirt.call.domainDestroyFlags({ dom: started }).catch(() => undefined)
  }
}

async function start({ call }: Libvirt, text: string): Promise<Domain | undefined> {
  try {
    // It ends with the connection too.
    return (await call.domainCreateXml({ xmlDesc: text, flags: c.VIR_DOMAIN_START_AUTODESTROY })).dom
  } catch (error) {
    if (isLibvirtError(error)) return undefined
    throw error
  }
}

function probeXml(type: string, uuid: string): string {
  const os = xml(
    'os',
    {},
    xml('type', { arch: 'x86_64', machine: 'q35' }, 'hvm'),
    xml('boot', { dev: 'hd' }),
    // Milliseconds until SeaBIOS resets when nothing boots.
    xml('bios', { rebootTimeout: 0 }),
  )
  return xml(
    'domain',
    { type },
    xml('name', {}, prefix + uuid.slice(0, 8)),
    xml('uuid', {}, uuid),
    xml('memory', { unit: 'MiB' }, 16),
    xml('vcpu', {}, 1),
    os,
    xml('on_poweroff', {}, 'destroy'),
    xml('on_reboot', {}, 'destroy'),
    xml('on_crash', {}, 'destroy'),
    xml('devices', {}, xml('controller', { type: 'usb', model: 'none' }), xml('memballoon', { model: 'none' })),
  ).toString()
}
