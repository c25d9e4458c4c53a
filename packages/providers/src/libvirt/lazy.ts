import type { Provider } from '../provider.ts'

/** The provider of libvirt hosts, whose code is loaded when the first such connection is opened. */
export const libvirtProvider: Provider = {
  kind: 'libvirt',
  open: async (spec, ports, options) => await (await load()).open(spec, ports, options),
  probe: async (address, ports, options) => await (await load()).probe(address, ports, options),
}

async function load(): Promise<Provider> {
  return (await import('./provider.ts')).libvirtProvider
}
