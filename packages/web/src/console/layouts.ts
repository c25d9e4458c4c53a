/** Keyboards of guests. RFB carries what a key means on a US keyboard; which letter comes of it is the guest's own setting. */
export const layoutNames = ['us', 'uk', 'de', 'fr'] as const
export type LayoutName = (typeof layoutNames)[number]

/** A key that is pressed and released, with what is held meanwhile. `code` is its place, as in KeyboardEvent. */
export interface Stroke {
  readonly code: string
  readonly keysym: number
  readonly shift: boolean
  readonly altGr: boolean
}

/** Places of keys, row by row, as on a keyboard with the key beside the left Shift. */
const places = [
  'Backquote Digit1 Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9 Digit0 Minus Equal',
  'KeyQ KeyW KeyE KeyR KeyT KeyY KeyU KeyI KeyO KeyP BracketLeft BracketRight',
  'KeyA KeyS KeyD KeyF KeyG KeyH KeyJ KeyK KeyL Semicolon Quote Backslash',
  'IntlBackslash KeyZ KeyX KeyC KeyV KeyB KeyN KeyM Comma Period Slash',
].flatMap((row) => row.split(' '))

interface Layout {
  /** Letters of the places in their order, alone and with Shift. */
  readonly plain: string
  readonly shift: string
  /** Letters with AltGr, by place. */
  readonly altGr: Readonly<Record<string, string>>
  /** Letters that wait for another one: a space after them makes them come. */
  readonly dead: string
}

const layouts: Readonly<Record<LayoutName, Layout>> = {
  us: {
    plain: "`1234567890-=qwertyuiop[]asdfghjkl;'\\<zxcvbnm,./",
    shift: '~!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:"|>ZXCVBNM<>?',
    altGr: {},
    dead: '',
  },
  uk: {
    plain: "`1234567890-=qwertyuiop[]asdfghjkl;'#\\zxcvbnm,./",
    shift: '¬!"£$%^&*()_+QWERTYUIOP{}ASDFGHJKL:@~|ZXCVBNM<>?',
    altGr: { Digit4: '€' },
    dead: '',
  },
  de: {
    plain: '^1234567890ß´qwertzuiopü+asdfghjklöä#<yxcvbnm,.-',
    shift: '°!"§$%&/()=?`QWERTZUIOPÜ*ASDFGHJKLÖÄ\'>YXCVBNM;:_',
    altGr: {
      Digit2: '²',
      Digit3: '³',
      Digit7: '{',
      Digit8: '[',
      Digit9: ']',
      Digit0: '}',
      Minus: '\\',
      KeyQ: '@',
      KeyE: '€',
      BracketRight: '~',
      IntlBackslash: '|',
      KeyM: 'µ',
    },
    dead: '^´`',
  },
  fr: {
    plain: '²&é"\'(-è_çà)=azertyuiop^$qsdfghjklmù*<wxcvbn,;:!',
    shift: '\u00001234567890°+AZERTYUIOP¨£QSDFGHJKLM%µ>WXCVBN?./§',
    altGr: {
      Digit2: '~',
      Digit3: '#',
      Digit4: '{',
      Digit5: '[',
      Digit6: '|',
      Digit7: '`',
      Digit8: '\\',
      Digit9: '^',
      Digit0: '@',
      Minus: ']',
      Equal: '}',
      KeyE: '€',
    },
    dead: '^¨~`',
  },
}

/** Letters that every keyboard has. */
const common: Readonly<Record<string, readonly [code: string, keysym: number]>> = {
  ' ': ['Space', 0x20],
  '\n': ['Enter', 0xff0d],
  '\t': ['Tab', 0xff09],
}

const tables = new Map<LayoutName, ReadonlyMap<string, readonly Stroke[]>>()

/** The strokes that type a text on a keyboard, and the letters that it has no key for. */
export function strokesOf(
  text: string,
  layout: LayoutName,
): { readonly strokes: readonly Stroke[]; readonly missing: string } {
  let table = tables.get(layout)
  if (!table) tables.set(layout, (table = tableOf(layouts[layout])))
  const strokes: Stroke[] = []
  const missing = new Set<string>()
  for (const letter of text.replaceAll(/\r\n?/g, '\n').normalize('NFC')) {
    const found = table.get(letter)
    if (found) strokes.push(...found)
    else missing.add(letter)
  }
  return { strokes, missing: [...missing].join('') }
}

function tableOf({ plain, shift, altGr, dead }: Layout): ReadonlyMap<string, readonly Stroke[]> {
  const table = new Map<string, readonly Stroke[]>()
  const space: Stroke = { code: 'Space', keysym: 0x20, shift: false, altGr: false }
  const put = (letter: string | undefined, stroke: Stroke): void => {
    if (letter === undefined || letter === '\u0000' || table.has(letter)) return
    table.set(letter, dead.includes(letter) ? [stroke, space] : [stroke])
  }
  for (const [letter, [code, keysym]] of Object.entries(common))
    table.set(letter, [{ code, keysym, shift: false, altGr: false }])
  for (const [index, code] of places.entries()) {
    // What the same place means on a US keyboard, which is what hosts take it for.
    const keysym = layouts.us.plain.charCodeAt(index)
    put(plain[index], { code, keysym, shift: false, altGr: false })
    put(shift[index], { code, keysym, shift: true, altGr: false })
    put(altGr[code], { code, keysym, shift: false, altGr: true })
  }
  return table
}
