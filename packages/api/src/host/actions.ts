import { z } from 'zod'
import { action } from '../action/action.ts'
import { HostId } from '../ids/resource-id.ts'
import { flag, text } from '../schema/fields.ts'
import { hostCan } from './capabilities.ts'

const host = { type: 'host', id: HostId, plural: 'hosts' } as const

/** What can be done with hosts. */
export const hostActions = {
  update: action({
    ...host,
    name: '',
    method: 'PATCH',
    title: 'Change the host NAME',
    summary: 'Change options of a host',
    input: z.strictObject({
      name: text('Name.').min(1).max(1000).optional(),
      description: text('Text for people.').max(10_000).optional(),
      tags: z.array(z.string().min(1).max(200)).max(100).optional().meta({ description: 'All its tags.' }),
      iscsiIqn: text('Name of the host as an iSCSI initiator.').max(300).optional(),
      multipathing: flag('Several paths to one unit are used; only in maintenance.').optional(),
      powerOnMode: text(
        'How it is switched on from afar: wake-on-lan, iLO, DRAC, a script of the hosts; empty for not at all.',
      )
        .max(200)
        .optional(),
      powerOnConfig: z
        .record(z.string().min(1).max(100), z.string().max(1000))
        .optional()
        .meta({ description: 'What that way needs (power_on_ip, power_on_user, …).' }),
      syslogTo: text('Where its log is sent to by syslog; empty for nowhere.').max(253).optional(),
    }),
    cli: { verb: 'host update' },
    permission: 'host:update',
    can: hostCan.update,
  }),
  enterMaintenance: action({
    ...host,
    name: 'enter-maintenance',
    title: 'Put NAME in maintenance',
    summary: 'Move all VMs of a host away and let it take no new ones',
    description: 'When a VM cannot move, the host takes new ones again, as before.',
    permission: 'host:maintain',
    can: hostCan.enterMaintenance,
  }),
  leaveMaintenance: action({
    ...host,
    name: 'leave-maintenance',
    title: 'Take NAME out of maintenance',
    summary: 'Let a host take VMs again',
    permission: 'host:maintain',
    can: hostCan.leaveMaintenance,
  }),
  evacuate: action({
    ...host,
    name: 'evacuate',
    title: 'Evacuate NAME',
    summary: 'Move all running VMs of a host to others of its pool',
    permission: 'host:maintain',
    can: hostCan.evacuate,
  }),
  shutdown: action({
    ...host,
    name: 'shutdown',
    title: 'Shut down the host NAME',
    summary: 'Shut down a host that is in maintenance',
    permission: 'host:power',
    can: hostCan.shutdown,
  }),
  reboot: action({
    ...host,
    name: 'reboot',
    title: 'Reboot the host NAME',
    summary: 'Reboot a host that is in maintenance, and wait until it is back',
    permission: 'host:power',
    can: hostCan.reboot,
  }),
  smartReboot: action({
    ...host,
    name: 'smart-reboot',
    title: 'Reboot the host NAME with its VMs',
    summary: 'Suspend the VMs of a host, reboot it, and resume them',
    permission: 'host:power',
    can: hostCan.smartReboot,
  }),
  emergencyShutdown: action({
    ...host,
    name: 'emergency-shutdown',
    title: 'Suspend the VMs of NAME and shut it down',
    summary: 'Suspend all VMs of a host and shut it down, as when the power is about to fail',
    description: 'VMs that cannot be suspended are shut down. When a step fails before the host goes, they go on.',
    permission: 'host:power',
    can: hostCan.smartReboot,
  }),
  scanNics: action({
    ...host,
    name: 'scan-nics',
    title: 'Look for NICs of NAME',
    summary: 'Look for network interfaces that were put into a host',
    permission: 'host:update',
    can: hostCan.update,
  }),
  powerOn: action({
    ...host,
    name: 'power-on',
    title: 'Power on the host NAME',
    summary: 'Power on a host by the way that is set for it',
    permission: 'host:power',
    can: hostCan.powerOn,
  }),
  restartToolstack: action({
    ...host,
    name: 'restart-toolstack',
    title: 'Restart the toolstack of NAME',
    summary: 'Restart the management software of a host; its VMs run on',
    permission: 'host:maintain',
    can: hostCan.restartToolstack,
  }),
  installPatches: action({
    ...host,
    name: 'install-patches',
    title: 'Install updates on the host NAME',
    summary: 'Install all updates that a host lacks; it is not rebooted',
    permission: 'host:maintain',
    can: hostCan.installPatches,
  }),
  installCertificate: action({
    ...host,
    name: 'install-certificate',
    title: 'Install a certificate on the host NAME',
    summary: 'Install the certificate that a host presents; its connections are interrupted for a moment',
    input: z.strictObject({
      certificate: text('The certificate, PEM.').includes('-----BEGIN CERTIFICATE-----').max(100_000),
      key: text('Its private key, PEM, without a password.')
        .includes('PRIVATE KEY-----')
        .max(100_000)
        .meta({ description: 'Its private key, PEM, without a password.', format: 'password', writeOnly: true }),
      chain: text('Certificates of the authorities between, PEM.').max(200_000).default(''),
    }),
    permission: 'host:maintain',
    can: hostCan.update,
  }),
  resetCertificate: action({
    ...host,
    name: 'reset-certificate',
    title: 'Reset the certificate of the host NAME',
    summary: 'Let a host make itself a new, self-signed certificate',
    description: 'Where its certificate is pinned, pin the new one afterwards.',
    permission: 'host:maintain',
    can: hostCan.update,
  }),
  makeMaster: action({
    ...host,
    name: 'make-master',
    title: 'Let NAME lead its pool',
    summary: 'Let another host lead the pool',
    permission: 'pool:manage',
    can: hostCan.makeMaster,
  }),
  eject: action({
    ...host,
    name: 'eject',
    title: 'Eject NAME from its pool',
    summary: 'Take a host out of its pool; its local storages are erased',
    permission: 'pool:manage',
    can: hostCan.eject,
  }),
  forget: action({
    ...host,
    name: 'forget',
    title: 'Forget the host NAME',
    summary: 'Let the pool forget a host that will not come back; its local storages are lost',
    permission: 'pool:manage',
    can: hostCan.forget,
  }),
  hidePci: action({
    ...host,
    name: 'hide-pci',
    title: 'Set which PCI devices NAME keeps for VMs',
    summary: 'Keep PCI devices of a host for VMs, or give them back; from its next reboot on',
    input: z.strictObject({
      hide: z
        .array(z.string().regex(/^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/))
        .max(64)
        .default([])
        .meta({ description: 'Addresses (0000:04:01.0) to keep for VMs, beside those that are already.' }),
      show: z
        .array(z.string().regex(/^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/))
        .max(64)
        .default([])
        .meta({ description: 'Addresses to give back to the host.' }),
    }),
    permission: 'host:update',
    can: hostCan.hidePci,
  }),
} as const
