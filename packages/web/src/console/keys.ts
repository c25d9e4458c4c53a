/** A key by its keysym (X11) and its place (KeyboardEvent.code). */
export interface Key {
  readonly keysym: number
  readonly code: string
}

export const modifiers = {
  Ctrl: { keysym: 0xffe3, code: 'ControlLeft' },
  Alt: { keysym: 0xffe9, code: 'AltLeft' },
  AltGr: { keysym: 0xfe03, code: 'AltRight' },
  Shift: { keysym: 0xffe1, code: 'ShiftLeft' },
  Super: { keysym: 0xffeb, code: 'MetaLeft' },
} as const satisfies Readonly<Record<string, Key>>
export type Modifier = keyof typeof modifiers

const named: Readonly<Record<string, Key>> = {
  ...modifiers,
  Del: { keysym: 0xffff, code: 'Delete' },
  Backspace: { keysym: 0xff08, code: 'Backspace' },
  Tab: { keysym: 0xff09, code: 'Tab' },
  Esc: { keysym: 0xff1b, code: 'Escape' },
  Print: { keysym: 0xff61, code: 'PrintScreen' },
  ...Object.fromEntries(
    Array.from({ length: 12 }, (_, index) => [`F${index + 1}`, { keysym: 0xffbe + index, code: `F${index + 1}` }]),
  ),
  ...Object.fromEntries(
    ['C', 'D', 'L', 'R', 'Z'].map((letter) => [
      letter,
      { keysym: letter.toLowerCase().charCodeAt(0), code: `Key${letter}` },
    ]),
  ),
}

/** Combinations that the browser or the desktop would keep for itself. Names of keys are international. */
export const combinations = [
  'Ctrl Alt Del',
  'Ctrl Alt Backspace',
  'Ctrl Alt F1',
  'Ctrl Alt F2',
  'Ctrl Alt F3',
  'Ctrl Alt F7',
  'Alt Tab',
  'Alt F4',
  'Ctrl Esc',
  'Super',
  'Super L',
  'Super R',
  'Ctrl C',
  'Ctrl D',
  'Ctrl Z',
  'Print',
  'Alt Print',
  'F2',
  'F8',
  'F10',
  'F11',
  'F12',
] as const

/** The keys of a combination, in the order in which they are pressed. */
export function keysOf(combination: string): readonly Key[] {
  return combination.split(' ').flatMap((name) => named[name] ?? [])
}
