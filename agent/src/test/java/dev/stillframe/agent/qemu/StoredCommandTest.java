package dev.stillframe.agent.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.image.ImageFormatException;
import dev.stillframe.engine.instant.Source;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Of a command line in an image, which anybody may have written, the machine is taken, and nothing
 * that leads to a host.
 */
class StoredCommandTest {
    private static final Path OURS = Path.of("/usr/bin/qemu-of-ours");

    @Test
    void theMachineIsTakenAsItStandsThere() throws Exception {
        List<String> machine =
                List.of(
                        "-machine",
                        "pc-q35-7.2,accel=tcg,memory-backend=ram0",
                        "-cpu",
                        "qemu64,+ssse3",
                        "-smp",
                        "2",
                        "-m",
                        "1G",
                        "-object",
                        "memory-backend-memfd,id=ram0,size=1G,share=on",
                        "-nodefaults",
                        "-no-user-config",
                        "-kernel",
                        "/boot/a,,b",
                        "-append",
                        "console=ttyS0 root=/dev/vda",
                        "-drive",
                        "file=/disks/a,,b.qcow2,if=none,id=d0,format=qcow2,cache=none",
                        "-device",
                        "virtio-blk-pci,drive=d0,bus=pcie.0,addr=0x2",
                        "-blockdev",
                        "{\"driver\":\"qcow2\",\"node-name\":\"n\",\"file\":{\"driver\":\"file\",\"filename\":\"/disks/c\"}}",
                        "-device",
                        "{\"driver\":\"virtio-scsi-pci\",\"id\":\"s\"}",
                        "-display",
                        "none");
        StoredCommand taken = of("qemu-system-x86_64", machine, OURS);
        assertThat(taken.words().subList(1, taken.words().size())).isEqualTo(machine);
        assertThat(taken.words().getFirst()).isEqualTo(OURS.toString());
        assertThat(taken.left()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '>',
            value = {
                "-monitor tcp:0.0.0.0:4444,server=on > ",
                "-qmp unix:/run/vm,server=on,wait=off > ",
                "-chardev socket,id=c0,path=/run/x,server=on > -chardev null,id=c0",
                "-chardev pipe,id=c0,path=/etc/cron.d/x > -chardev null,id=c0",
                "-serial file:/root/.bashrc > -serial null",
                "-serial none > -serial none",
                "-serial chardev:c0 > -serial chardev:c0",
                "-serial chardev:c0,x > -serial null",
                "-parallel pipe:/x > -parallel null",
                "-netdev tap,id=n0,script=/tmp/evil > -netdev hubport,id=n0,hubid=0",
                "-nic user,model=e1000,mac=52:54:00:00:00:01,hostfwd=tcp::22-:22,smb=/ > -nic user,model=e1000,mac=52:54:00:00:00:01,restrict=on",
                "-net user,hostfwd=tcp::22-:22 > ",
                "-audiodev wav,id=a0,path=/etc/x > -audiodev none,id=a0",
                "-vnc :0 > ",
                "-display vnc=:0 > -display none",
                "-nographic > -display none",
                "-pidfile /etc/passwd > ",
                "-D /etc/passwd > ",
                "-incoming exec:evil > ",
                "-gdb tcp::1234 > ",
                "-daemonize > ",
                "-object memory-backend-file,id=m,size=1G,mem-path=/etc/passwd,share=on > -object memory-backend-memfd,id=m,size=1G,share=on",
                "-object rng-random,id=r,filename=/dev/sda > -object rng-builtin,id=r",
            })
    void whatLedToTheHostLeadsNowhere(String stored, @Nullable String expected) throws Exception {
        List<String> words =
                stored.strip().equals("-daemonize") || stored.strip().equals("-nographic")
                        ? List.of(stored.strip())
                        : List.of(stored.strip().split(" ", 2));
        StoredCommand taken = of("qemu-system-x86_64", words, OURS);
        String line = String.join(" ", taken.words().subList(1, taken.words().size()));
        assertThat(line).isEqualTo(expected == null ? "" : expected);
        assertThat(taken.left()).hasSize(words.equals(List.of(line.split(" ", 2))) ? 0 : 1);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-plugin /tmp/evil.so",
                "-readconfig /tmp/evil",
                "-L /tmp/evil",
                "-fsdev local,id=f,path=/",
                "-virtfs local,path=/,mount_tag=x",
                "-tpmdev passthrough,id=t",
                "-acpitable file=/etc/shadow",
                "-set device.x.romfile=/etc/shadow",
                "-unknown x",
                "-object secret,id=s,file=/etc/shadow",
                "-object filter-dump,id=f,netdev=n,file=/etc/cron.d/x",
                "-object {\"qom-type\":\"input-linux\",\"id\":\"i\",\"evdev\":\"/dev/input/event0\"}",
                "-object { nonsense",
                "-device vfio-pci,host=01:00.0",
                "-device usb-host,hostbus=1",
                "-device loader,file=/etc/shadow",
                "-device virtio-input-host-pci,evdev=/dev/input/event0",
                "-device virtio-net-pci,romfile=/etc/shadow",
                "-device virtio-net-pci,romfile=shadow",
                "-device scsi-generic,drive=d",
                "-global virtio-net-pci.romfile=shadow",
                "-global driver=virtio-net-pci,property=romfile,value=shadow",
                "-machine q35,dumpdtb=x",
                "-machine q35,firmware=/etc/shadow",
                "-accel kvm,device=/dev/fd/3",
                "-boot splash=x",
                "-icount rr=record,rrfile=x",
                "-smbios type=11,path=/etc/shadow",
                "-smbios file=x",
                "-fw_cfg name=opt/x,file=/etc/shadow",
                "-usbdevice host:1.2",
                "-kernel relative",
                "-drive file=nbd:evil:10809,format=raw",
                "-drive file=json:{},format=raw",
                "-drive file=relative.img",
                "-drive file.driver=nbd,file.host=evil",
                "-drive file=/x,format=nbd",
                "-drive file=/x,backing.file.filename=http://evil/x",
                "-blockdev driver=ssh,node-name=n,host=evil",
                "-blockdev {\"driver\":\"file\",\"node-name\":\"n\",\"filename\":\"ssh:x\"}",
                "nbd:evil:10809",
                "-chardev socket,path=/x",
                "-netdev user,id=a.b,,x=y",
            })
    void whatCouldReachTheHostIsRefusedByName(String stored) {
        List<String> words = new ArrayList<>(List.of(stored.split(" ", 2)));
        assertThatThrownBy(() -> of("qemu-system-x86_64", words, OURS))
                .isInstanceOf(ImageFormatException.class)
                .hasMessageContaining(words.getFirst().startsWith("-") ? words.getFirst() : "-hda")
                .hasMessageContaining("not taken from an image")
                .hasMessageEndingWith("give QEMU's command line behind --");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/tmp/evil",
                "/usr/bin/bash",
                "../qemu-system-x86_64/../evil",
                "/x/qemu-system-x86_64 -x",
                ""
            })
    void aProgramThatIsNotCalledLikeQemuIsNotLookedFor(String executable) {
        assertThatThrownBy(() -> of(executable, List.of(), null))
                .isInstanceOf(ImageFormatException.class)
                .hasMessageContaining("--program");
    }

    @Test
    void theImagesOwnPlaceOfTheProgramIsOfNoInterest() {
        assertThatThrownBy(() -> of("/tmp/qemu-system-nowhere", List.of(), null))
                .isInstanceOf(ImageFormatException.class)
                .hasMessageContaining("qemu-system-nowhere is not in PATH");
    }

    private static StoredCommand of(
            String executable, List<String> arguments, @Nullable Path program)
            throws ImageFormatException {
        List<String> words = new ArrayList<>(List.of("argv0"));
        words.addAll(arguments);
        return StoredCommand.of(
                new Source(1, 1, 1, 1, 0, 0, "q", words, executable, "host", "x86_64", "6.18"),
                program);
    }
}
