// Moments in the player, for the eye and for the ear.
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

export function clockExact(seconds) {
  const tenths = Math.max(0, Math.floor(seconds * 10 + 1e-6));
  return `${clock(tenths / 10)}.${tenths % 10}`;
}

export function spoken(seconds, words) {
  const whole = Math.max(0, Math.floor(seconds));
  const minutes = Math.floor(whole / 60);
  return (minutes ? words.minutesAndSeconds : words.seconds)
    .replace("%(m)s", String(minutes))
    .replace("%(s)s", String(whole % 60));
}
