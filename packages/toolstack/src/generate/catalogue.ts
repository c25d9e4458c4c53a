import { GiB } from '@nixen/core'

/** A guest system that templates and machines are made of. */
export interface GuestOs {
  /** As its template is called. */
  readonly template: string
  readonly referenceLabel: string
  readonly family: 'linux' | 'windows' | 'other'
  readonly firmware: 'bios' | 'uefi'
  readonly memory: number
  readonly disk: number
  /** What the guest agent says; absent for systems nobody installs any more. */
  readonly agent?: {
    readonly name: string
    readonly distro: string
    readonly uname: string
    readonly major: string
    readonly minor: string
  }
}

const linux = (
  template: string,
  referenceLabel: string,
  agent: GuestOs['agent'],
  size: { memory?: number; disk?: number } = {},
): GuestOs => ({
  template,
  referenceLabel,
  family: 'linux',
  firmware: 'uefi',
  memory: size.memory ?? 2 * GiB,
  disk: size.disk ?? 10 * GiB,
  ...(agent ? { agent } : {}),
})

const windows = (template: string, referenceLabel: string, name: string, build: string): GuestOs => ({
  template,
  referenceLabel,
  family: 'windows',
  firmware: 'uefi',
  memory: 4 * GiB,
  disk: 64 * GiB,
  agent: { name, distro: 'windows', uname: build, major: '10', minor: '0' },
})

/** The systems that default templates exist for. */
export const guestSystems: readonly GuestOs[] = [
  linux('Debian Bullseye 11', 'debian-11', {
    name: 'Debian GNU/Linux 11 (bullseye)',
    distro: 'debian',
    uname: '5.10.0-33-amd64',
    major: '11',
    minor: '11',
  }),
  linux('Debian Bookworm 12', 'debian-12', {
    name: 'Debian GNU/Linux 12 (bookworm)',
    distro: 'debian',
    uname: '6.1.0-28-amd64',
    major: '12',
    minor: '8',
  }),
  linux('Debian Trixie 13', 'debian-13', {
    name: 'Debian GNU/Linux 13 (trixie)',
    distro: 'debian',
    uname: '6.12.41+deb13-amd64',
    major: '13',
    minor: '1',
  }),
  linux('Ubuntu Focal Fossa 20.04', 'ubuntu-20.04', {
    name: 'Ubuntu 20.04.6 LTS',
    distro: 'ubuntu',
    uname: '5.4.0-200-generic',
    major: '20',
    minor: '04',
  }),
  linux('Ubuntu Jammy Jellyfish 22.04', 'ubuntu-22.04', {
    name: 'Ubuntu 22.04.5 LTS',
    distro: 'ubuntu',
    uname: '5.15.0-127-generic',
    major: '22',
    minor: '04',
  }),
  linux('Ubuntu Noble Numbat 24.04', 'ubuntu-24.04', {
    name: 'Ubuntu 24.04.1 LTS',
    distro: 'ubuntu',
    uname: '6.8.0-50-generic',
    major: '24',
    minor: '04',
  }),
  linux('AlmaLinux 8', 'almalinux-8', {
    name: 'AlmaLinux 8.10 (Cerulean Leopard)',
    distro: 'almalinux',
    uname: '4.18.0-553.el8_10.x86_64',
    major: '8',
    minor: '10',
  }),
  linux('AlmaLinux 9', 'almalinux-9', {
    name: 'AlmaLinux 9.5 (Teal Serval)',
    distro: 'almalinux',
    uname: '5.14.0-503.14.1.el9_5.x86_64',
    major: '9',
    minor: '5',
  }),
  linux('Rocky Linux 8', 'rockylinux-8', {
    name: 'Rocky Linux 8.10 (Green Obsidian)',
    distro: 'rocky',
    uname: '4.18.0-553.el8_10.x86_64',
    major: '8',
    minor: '10',
  }),
  linux('Rocky Linux 9', 'rockylinux-9', {
    name: 'Rocky Linux 9.5 (Blue Onyx)',
    distro: 'rocky',
    uname: '5.14.0-503.14.1.el9_5.x86_64',
    major: '9',
    minor: '5',
  }),
  linux('CentOS Stream 9', 'centos-stream-9', {
    name: 'CentOS Stream 9',
    distro: 'centos',
    uname: '5.14.0-536.el9.x86_64',
    major: '9',
    minor: '0',
  }),
  linux('Red Hat Enterprise Linux 8', 'rhel-8', undefined),
  linux('Red Hat Enterprise Linux 9', 'rhel-9', undefined),
  linux('Oracle Linux 8', 'oracle-8', undefined),
  linux('SUSE Linux Enterprise 15 (64-bit)', 'sle-15-64-bit', {
    name: 'SUSE Linux Enterprise Server 15 SP6',
    distro: 'sles',
    uname: '6.4.0-150600.23.30-default',
    major: '15',
    minor: '6',
  }),
  linux('Gooroom Platform 2', 'gooroom-2', undefined),
  windows('Windows 10 (64-bit)', 'windows-10-64-bit', 'Microsoft Windows 10 Pro|C:\\Windows', '19045'),
  windows('Windows 11', 'windows-11', 'Microsoft Windows 11 Pro|C:\\Windows', '26100'),
  windows(
    'Windows Server 2016 (64-bit)',
    'windows-server-2016-64-bit',
    'Microsoft Windows Server 2016 Standard|C:\\Windows',
    '14393',
  ),
  windows(
    'Windows Server 2019 (64-bit)',
    'windows-server-2019-64-bit',
    'Microsoft Windows Server 2019 Standard|C:\\Windows',
    '17763',
  ),
  windows(
    'Windows Server 2022 (64-bit)',
    'windows-server-2022-64-bit',
    'Microsoft Windows Server 2022 Standard|C:\\Windows',
    '20348',
  ),
  windows('Windows Server 2025', 'windows-server-2025', 'Microsoft Windows Server 2025 Standard|C:\\Windows', '26100'),
  {
    template: 'Generic Linux BIOS',
    referenceLabel: 'generic-linux-bios',
    family: 'linux',
    firmware: 'bios',
    memory: GiB,
    disk: 8 * GiB,
  },
  {
    template: 'Generic Linux UEFI',
    referenceLabel: 'generic-linux-uefi',
    family: 'linux',
    firmware: 'uefi',
    memory: GiB,
    disk: 8 * GiB,
  },
  {
    template: 'Other install media',
    referenceLabel: 'other-install-media',
    family: 'other',
    firmware: 'bios',
    memory: GiB,
    disk: 0,
  },
]

/** What machines are for: the start of their names, their tag, and how large they are. */
export interface Purpose {
  readonly name: string
  readonly tier: string
  readonly windows: boolean
  readonly cpus: number
  readonly memory: number
  readonly dataDisk: number
}

export const purposes: readonly Purpose[] = [
  { name: 'web', tier: 'frontend', windows: false, cpus: 2, memory: 4 * GiB, dataDisk: 0 },
  { name: 'api', tier: 'backend', windows: false, cpus: 4, memory: 8 * GiB, dataDisk: 0 },
  { name: 'db', tier: 'database', windows: false, cpus: 8, memory: 32 * GiB, dataDisk: 200 * GiB },
  { name: 'cache', tier: 'backend', windows: false, cpus: 2, memory: 16 * GiB, dataDisk: 0 },
  { name: 'queue', tier: 'backend', windows: false, cpus: 2, memory: 4 * GiB, dataDisk: 20 * GiB },
  { name: 'build', tier: 'ci', windows: false, cpus: 8, memory: 16 * GiB, dataDisk: 100 * GiB },
  { name: 'mail', tier: 'office', windows: false, cpus: 2, memory: 8 * GiB, dataDisk: 120 * GiB },
  { name: 'dc', tier: 'office', windows: true, cpus: 2, memory: 8 * GiB, dataDisk: 0 },
  { name: 'files', tier: 'office', windows: true, cpus: 4, memory: 8 * GiB, dataDisk: 500 * GiB },
  { name: 'erp', tier: 'business', windows: true, cpus: 8, memory: 32 * GiB, dataDisk: 250 * GiB },
  { name: 'monitor', tier: 'operations', windows: false, cpus: 4, memory: 8 * GiB, dataDisk: 80 * GiB },
  { name: 'desktop', tier: 'vdi', windows: true, cpus: 4, memory: 8 * GiB, dataDisk: 0 },
]

/** Stages, as often as they occur. */
export const stages: readonly string[] = ['prod', 'prod', 'prod', 'staging', 'test']

/** Where pools are. */
export const sites: readonly string[] = ['berlin', 'lyon', 'oslo', 'porto', 'turin', 'ghent', 'brno', 'tartu']
