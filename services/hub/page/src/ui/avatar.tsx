// Faces: our own drawings for the shipped cast, in simple shapes; initials for everybody else.
import type { VNode } from "preact";
import { nameOf } from "../state";
import type { User } from "../types";

// Half-closed lids, a hair tuft, glasses and the double chin.
const Peter = () => (
  <>
    <rect width="40" height="40" fill="#bfe0c8" />
    <path d="M4 40c2-7 8-9 16-9s14 2 16 9z" fill="#f7f7f2" />
    <path d="M16 32l4 4 4-4z" fill="#d9d9d0" />
    <ellipse cx="20" cy="20" rx="12" ry="13" fill="#f3c9a5" />
    <path
      d="M13.5 27.5c0-3.5 3-4.5 6.5-4.5s6.5 1 6.5 4.5-3 6-6.5 6-6.5-2.5-6.5-6z"
      fill="#edbd95"
    />
    <path d="M20 31v2.3" stroke="#c98f63" stroke-width="1.4" stroke-linecap="round" />
    <path
      d="M7.8 18C7 8 12.5 4.5 20 4.5S33 8 32.2 18c-1.5-4-3-6-5-7-3 1.5-11 1.5-14.4 0-2 1-3.5 3-5 7z"
      fill="#4a2f22"
    />
    <circle cx="14.7" cy="18" r="4.3" fill="#fff" stroke="#2d3a33" stroke-width="1.3" />
    <circle cx="25.3" cy="18" r="4.3" fill="#fff" stroke="#2d3a33" stroke-width="1.3" />
    <path d="M19 18h2" stroke="#2d3a33" stroke-width="1.3" />
    <circle cx="15.4" cy="18.3" r="1.3" fill="#222" />
    <circle cx="24.6" cy="18.3" r="1.3" fill="#222" />
    <ellipse cx="20" cy="22.6" rx="2.6" ry="2" fill="#e6b086" />
    <path
      d="M15.5 26c3 2.4 6 2.4 9 0"
      fill="none"
      stroke="#8a4b33"
      stroke-width="1.4"
      stroke-linecap="round"
    />
  </>
);

// A white dog in profile-ish three quarters: long muzzle, black nose, red collar.
const Brian = () => (
  <>
    <rect width="40" height="40" fill="#b9cfe8" />
    <path d="M11 40c0-6 2-9 7-9s9 3 9 9z" fill="#fbfbf8" />
    <path d="M10.5 32.5c4 2.2 12 2.2 16 0l.6 3c-5 2.3-12.2 2.3-17.2 0z" fill="#c8323f" />
    <circle cx="18.5" cy="37" r="1.7" fill="#e9c14d" />
    <path d="M9 14C7 9 5 12 4.5 19c-.2 4 1.5 6 3.5 5 2-.8 3.5-4 4-7z" fill="#e4e4de" />
    <path
      d="M9 17C9 9 13 6 19 6s9 3.5 9.5 8.5c4 .5 8 2.5 8 6.5 0 4.5-5 6.5-11 6.5-2 3-4.5 5-8 5C12
         32.5 9 26 9 17z"
      fill="#fbfbf8"
    />
    <ellipse cx="34" cy="17.4" rx="3.8" ry="2.9" fill="#23252b" />
    <ellipse cx="19" cy="15.5" rx="3.3" ry="3.9" fill="#fff" stroke="#3a4150" stroke-width="1.1" />
    <ellipse cx="25.2" cy="15" rx="2.9" ry="3.6" fill="#fff" stroke="#3a4150" stroke-width="1.1" />
    <circle cx="20" cy="16" r="1.3" fill="#222" />
    <circle cx="25.8" cy="15.6" r="1.3" fill="#222" />
    <path
      d="M15.6 12.5c1.8-1.9 4.6-2 6.3-.4"
      fill="none"
      stroke="#3a4150"
      stroke-width="1.3"
      stroke-linecap="round"
    />
    <path
      d="M21 24c4 2 9 1.6 12.5-.6"
      fill="none"
      stroke="#3a4150"
      stroke-width="1.3"
      stroke-linecap="round"
    />
  </>
);

// A head as wide as a ball for the other football, a few hairs, and red dungarees.
const Stewie = () => (
  <>
    <rect width="40" height="40" fill="#f2d9a8" />
    <path d="M10 40c0-7 4-10 10-10s10 3 10 10z" fill="#f4cf4c" />
    <path d="M14 40v-6h12v6z" fill="#c8323f" />
    <path d="M14.5 35v-4M25.5 35v-4" stroke="#c8323f" stroke-width="2.6" />
    <path
      d="M1.5 19C5 11.5 12 8 20 8s15 3.5 18.5 11C35 26.5 28 31.5 20 31.5S5 26.5 1.5 19z"
      fill="#f6cfae"
    />
    <path
      d="M20 8.5c-.5-2-.2-3.6.8-5M17.5 8.5c-1-1.5-1.3-3-.8-4.5M22.5 8.5c.3-1.5 1-2.7 2.2-3.5"
      fill="none"
      stroke="#4a2f22"
      stroke-width="1.3"
      stroke-linecap="round"
    />
    <circle cx="14" cy="18" r="4.2" fill="#fff" stroke="#5d3f2c" stroke-width="1.1" />
    <circle cx="26" cy="18" r="4.2" fill="#fff" stroke="#5d3f2c" stroke-width="1.1" />
    <circle cx="15" cy="18.6" r="1.4" fill="#222" />
    <circle cx="25" cy="18.6" r="1.4" fill="#222" />
    <path
      d="M9.5 12.5l7 2.6M30.5 12.5l-7 2.6"
      stroke="#4a2f22"
      stroke-width="1.7"
      stroke-linecap="round"
    />
    <path
      d="M19 21.5c.3 1.3 1.7 1.3 2 0"
      fill="none"
      stroke="#b97f58"
      stroke-width="1.2"
      stroke-linecap="round"
    />
    <path
      d="M16 26.3c2.5-1.6 6-1.3 8 .4"
      fill="none"
      stroke="#8a4b33"
      stroke-width="1.5"
      stroke-linecap="round"
    />
  </>
);

const kFaces: Record<string, () => VNode> = { peter: Peter, brian: Brian, stewie: Stewie };
const kTints = 8; // .tint-0 to .tint-7 of style.css

// The shipped character that plays under this name, or "".
export const characterOf = (user: Pick<User, "username" | "bot">) =>
  user.bot
    ? (Object.keys(kFaces).find((id) => user.username.toLowerCase().startsWith(id)) ?? "")
    : "";

export function tintOf(user: User) {
  const character = characterOf(user);
  if (character) return character;
  let sum = 7;
  for (const sign of user.id) sum = (sum * 31 + sign.charCodeAt(0)) % 9973;
  return String(sum % kTints);
}

export function Avatar({ user, size = 40 }: { user: User; size?: number }) {
  const Face = kFaces[characterOf(user)];
  const words = nameOf(user).trim().split(/\s+/);
  const initials = words
    .slice(0, 2)
    .map((word) => [...word][0] ?? "")
    .join("")
    .toUpperCase();
  return (
    <svg
      class={`avatar tint-${tintOf(user)}`}
      width={size}
      height={size}
      viewBox="0 0 40 40"
      aria-hidden="true"
    >
      {Face ? (
        <Face />
      ) : (
        <>
          <rect class="tint-fill" width="40" height="40" />
          <text x="20" y="25.5" text-anchor="middle">
            {initials}
          </text>
        </>
      )}
    </svg>
  );
}
