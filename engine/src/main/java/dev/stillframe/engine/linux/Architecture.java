package dev.stillframe.engine.linux;

/**
 * The machines whose system call numbers and register layouts are known. x86-64 is tested; aarch64
 * is tables only.
 */
public enum Architecture {
    /** AMD64. */
    X86_64("x86_64"),
    /** ARM, 64 bits. */
    AARCH64("aarch64");

    /** The machine this JVM runs on. */
    public static final Architecture CURRENT = ofOsArch(System.getProperty("os.arch"));

    private final String unameName;

    Architecture(String unameName) {
        this.unameName = unameName;
    }

    /** As {@code uname -m} calls it. */
    public String unameName() {
        return unameName;
    }

    private static Architecture ofOsArch(String arch) {
        return switch (arch) {
            case "amd64", "x86_64" -> X86_64;
            case "aarch64" -> AARCH64;
            default ->
                    throw new UnsupportedOperationException(
                            "no system call table for "
                                    + arch
                                    + "; Stillframe runs on x86-64 Linux");
        };
    }
}
