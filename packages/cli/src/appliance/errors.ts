import { catalogue } from '@nixen/core'

/** What can go wrong with the machine that Nixen runs on. */
export const applianceErrors = catalogue('appliance', {
  not_an_appliance: {
    status: 404,
    text: (p: { path: string }) =>
      `There is no ${p.path}: this machine does not update itself. Set services.nixen.updates.enable in its NixOS configuration, or give --config.`,
  },
  bad_config: {
    status: 400,
    text: (p: { path: string; reason: string }) =>
      `${p.path} is not what this version of Nixen reads (${p.reason}). It is written by the NixOS module: rebuild the machine.`,
  },
  busy: {
    status: 409,
    retryable: true,
    text: (p: { directory: string }) =>
      `Another update, roll-back or garbage collection is at work (${p.directory}). Wait until it is done: "nixen appliance status".`,
  },
  state_unusable: {
    text: (p: { directory: string; reason: string }) =>
      `${p.directory} cannot be used (${p.reason}). It belongs to root: run the command with sudo.`,
  },
  interrupted_before: {
    status: 409,
    text: (p: { kind: string; step: string }) =>
      `An update (${p.kind}) was interrupted at "${p.step}" and has not been cleaned up. Run "nixen appliance recover" first.`,
  },
  state_damaged: {
    text: (p: { path: string; reason: string }) =>
      `${p.path} cannot be read (${p.reason}). Nothing was changed. Look at "nixos-rebuild list-generations", move the file away, and try again.`,
  },
  no_flake: {
    status: 404,
    text: (p: { directory: string }) =>
      `There is no flake.nix in ${p.directory}. Say where the configuration is: services.nixen.updates.flake.`,
  },
  unknown_kind: {
    status: 400,
    text: (p: { kind: string; known: readonly string[] }) =>
      `There is no update "${p.kind}". There are: ${p.known.join(', ')}.`,
  },
  step_failed: {
    text: (p: { step: string; program: string; code: number; said: string }) =>
      `The step "${p.step}" failed: ${p.program} ended with ${p.code}${p.said === '' ? '' : `: ${p.said}`}. The machine is as it was.`,
  },
  no_program: {
    text: (p: { program: string; reason: string }) => `${p.program} cannot be started (${p.reason}).`,
  },
  no_result: {
    text: (p: { path: string }) => `The build left no ${p.path}. The machine is as it was.`,
  },
  unhealthy: { text: (p: { reason: string }) => p.reason },
  rolled_back: {
    text: (p: { target: string; previous: string; reason: string }) =>
      `${p.reason} The machine runs ${p.previous} again; ${p.target} was not kept.`,
  },
  rollback_failed: {
    text: (p: { previous: string; reason: string }) =>
      `Going back to ${p.previous} failed: ${p.reason} A restart of the machine boots the last generation that was good. Look at "journalctl -b -u nixen.service".`,
  },
  no_generation: {
    status: 404,
    text: (p: { number: number; known: readonly number[] }) =>
      `There is no generation ${p.number}. There are: ${p.known.join(', ')}.`,
  },
  no_previous: {
    status: 404,
    text: () => 'There is no generation before this one to go back to.',
  },
  no_socket: {
    status: 400,
    text: () =>
      'Nobody handed over a socket. This command is started by the unit nixen-redirect.socket; for a trial give --listen PORT.',
  },
  redirect_where: {
    status: 400,
    text: () => 'Say where requests shall go: --to https://nixen.example.net, or --port PORT for the same name.',
  },
})
