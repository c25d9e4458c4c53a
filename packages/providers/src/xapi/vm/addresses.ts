const key = /^(\d+)\/(?:ip|ipv4\/\d+|ipv6\/\d+)$/

/**
 * The addresses that a guest's agent reports (`0/ip`, `0/ipv4/1`, `0/ipv6/0`), by the number of the NIC; each once, IPv4 before IPv6,
 * in the order of their keys.
 */
export function guestAddresses(networks: Readonly<Record<string, string>>): Map<string, string[]> {
  const byDevice = new Map<string, string[]>()
  for (const name of Object.keys(networks).sort()) {
    const device = key.exec(name)?.[1]
    const address = networks[name]?.trim()
    if (device === undefined || !address) continue
    const list = byDevice.get(device)
    if (!list) byDevice.set(device, [address])
    else if (!list.includes(address)) list.push(address)
  }
  for (const list of byDevice.values()) list.sort(v4First)
  return byDevice
}

/** Addresses with IPv4 before IPv6, otherwise in the order given. */
export function v4First(a: string, b: string): number {
  return Number(a.includes(':')) - Number(b.includes(':'))
}
