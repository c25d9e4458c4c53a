/** A package of the simulated repository, and the release of it that a new host has. */
export interface Package {
  readonly name: string
  readonly version: string
  /** Installed on a new host. */
  readonly before: string
  /** In the repository; the same as `before` when there is nothing newer. */
  readonly release: string
  /** Bytes. */
  readonly size: number
  readonly license: string
  readonly description: string
  readonly changes: string
}

const branch = 'xcpng8.3'

function plain(name: string, version: string, details: Omit<Package, 'name' | 'version'>): Package {
  return { name, version, ...details }
}

/** Made up, with the names and the form of XCP-ng 8.3. */
export const packages: readonly Package[] = [
  plain('xen-hypervisor', '4.17.5', {
    before: `9.${branch}`,
    release: `13.${branch}`,
    size: 2_621_440,
    license: 'GPLv2 and LGPLv2 and BSD',
    description: 'The Xen hypervisor',
    changes: '- Close a gap in the handling of page tables',
  }),
  plain('xen-dom0-tools', '4.17.5', {
    before: `9.${branch}`,
    release: `13.${branch}`,
    size: 1_343_488,
    license: 'GPLv2 and LGPLv2 and BSD',
    description: 'Xen tools of the control domain',
    changes: '- Follow xen-hypervisor',
  }),
  plain('kernel', '4.19.19', {
    before: `8.0.37.1.${branch}`,
    release: `8.0.38.1.${branch}`,
    size: 31_457_280,
    license: 'GPLv2',
    description: 'The Linux kernel of the control domain',
    changes: '- Take fixes of the block layer',
  }),
  plain('xapi-core', '25.6.0', {
    before: `1.9.${branch}`,
    release: `1.12.${branch}`,
    size: 22_020_096,
    license: 'LGPL-2.1-or-later WITH OCaml-LGPL-linking-exception',
    description: 'The toolstack of the pool',
    changes: '- Answer faster when many tasks run',
  }),
  plain('sm', '3.2.12', {
    before: `8.${branch}`,
    release: `10.1.${branch}`,
    size: 737_280,
    license: 'LGPL',
    description: 'Storage drivers',
    changes: '- Coalesce while a backup reads',
  }),
  plain('qemu', '4.2.1', {
    before: `5.2.12.1.${branch}`,
    release: `5.2.12.2.${branch}`,
    size: 4_194_304,
    license: 'GPLv2 and LGPLv2+ and BSD',
    description: 'The device model of HVM machines',
    changes: '- Check lengths that a guest gives',
  }),
  plain('guest-templates-json', '2.0.10', {
    before: `1.${branch}`,
    release: `1.${branch}`,
    size: 65_536,
    license: 'BSD',
    description: 'Templates of guests',
    changes: '',
  }),
  plain('xcp-ng-xapi-plugins', '1.12.0', {
    before: `1.${branch}`,
    release: `1.${branch}`,
    size: 49_152,
    license: 'GPLv3',
    description: 'Plugins of XCP-ng',
    changes: '',
  }),
]
