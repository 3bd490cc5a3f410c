// A Go program, static and without the C library: goroutines that share a device by os.File, which uses epoll, and by
// system calls of their own.
//
//	goroutines alive    needs a 24c02
//	goroutines pulled   the same; then 8 goroutines in a slow read and 8 in an ioctl, of the chip that
//	                    OUTLIVE_CLIENT_SLOW names; says "ready", is to be unplugged and told so by a line
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// From linux/i2c-dev.h and linux/i2c.h.
const (
	i2cSlave    = 0x0703
	i2cFuncs    = 0x0705
	i2cSmbus    = 0x0720
	smbusRead   = 1
	smbusWrite  = 0
	smbusByte   = 2
	readers     = 8
	readsOfEach = 500
)

type smbusData struct {
	direction, command uint8
	size               uint32
	data               *[34]byte
}

var ok, failed int32

func expect(what string, got, expected any) {
	if got == expected {
		atomic.AddInt32(&ok, 1)
		fmt.Println("ok", what)
	} else {
		atomic.AddInt32(&failed, 1)
		fmt.Printf("FAIL %s: got %v, expected %v\n", what, got, expected)
	}
}

func giveUp(what string, err error) {
	fmt.Fprintln(os.Stderr, what, err)
	os.Exit(2)
}

func control(file *os.File, request, argument uintptr) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var errno syscall.Errno
	err = raw.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, request, argument)
	})
	if err != nil {
		return err
	}
	if errno != 0 {
		return errno
	}
	return nil
}

// call is control with a structure, which must stay where it is meanwhile.
func call(file *os.File, request uintptr, argument unsafe.Pointer) error {
	err := control(file, request, uintptr(argument))
	runtime.KeepAlive(argument)
	return err
}

func smbus(file *os.File, direction, command uint8, value *byte) error {
	data := [34]byte{*value}
	request := smbusData{direction, command, smbusByte, &data}
	err := call(file, i2cSmbus, unsafe.Pointer(&request))
	*value = data[0]
	return err
}

func open(address string) *os.File {
	file, err := os.OpenFile("/dev/i2c-7", os.O_RDWR, 0)
	if err != nil {
		giveUp("open:", err)
	}
	number, err := strconv.ParseUint(address, 0, 16)
	if err != nil {
		giveUp("the chip's address:", err)
	}
	if err := control(file, i2cSlave, uintptr(number)); err != nil {
		giveUp("I2C_SLAVE:", err)
	}
	return file
}

func alive(file *os.File) {
	for reg := 0; reg < 64; reg++ {
		value := byte(reg * 3)
		if err := smbus(file, smbusWrite, uint8(reg), &value); err != nil {
			giveUp("write:", err)
		}
	}
	var wrong int32
	var all sync.WaitGroup
	for r := 0; r < readers; r++ {
		all.Add(1)
		go func(reg uint8) {
			defer all.Done()
			for i := 0; i < readsOfEach; i++ {
				value := byte(0)
				if err := smbus(file, smbusRead, reg, &value); err != nil || value != reg*3 {
					atomic.AddInt32(&wrong, 1)
				}
			}
		}(uint8(r * 7))
	}
	for r := 0; r < readers; r++ {
		all.Add(1)
		go func() {
			defer all.Done()
			own := open("0x50")
			defer own.Close()
			for i := 0; i < readsOfEach/10; i++ {
				var data [4]byte
				if _, err := own.Write([]byte{8}); err != nil {
					atomic.AddInt32(&wrong, 1)
				}
				// From wherever the others have left the chip's address counter.
				if n, err := own.Read(data[:]); n != 4 || err != nil {
					atomic.AddInt32(&wrong, 1)
				}
			}
		}()
	}
	all.Wait()
	expect("reads by 16 goroutines that went wrong", wrong, int32(0))
	info, err := file.Stat()
	expect("Stat", err, nil)
	expect("  says a character device", info.Mode()&os.ModeCharDevice != 0, true)
}

func pulled() {
	slow := os.Getenv("OUTLIVE_CLIENT_SLOW")
	errs := make(chan error, 2*readers)
	shared := open(slow)
	for r := 0; r < readers; r++ {
		own := open(slow)
		go func() {
			var data [2]byte
			_, err := own.Read(data[:])
			errs <- err
		}()
		go func() {
			value := byte(0)
			errs <- smbus(shared, smbusRead, 0, &value)
		}()
	}
	fmt.Println("ready")
	for r := 0; r < 2*readers; r++ {
		expect("a goroutine that slept", errors.Is(<-errs, syscall.ENODEV), true)
	}
	bufio.NewReader(os.Stdin).ReadString('\n')
}

func main() {
	if len(os.Args) != 2 || (os.Args[1] != "alive" && os.Args[1] != "pulled") {
		giveUp("usage:", errors.New("goroutines alive | pulled"))
	}
	file := open("0x50")
	alive(file)
	if os.Args[1] == "pulled" {
		pulled()
		var data [1]byte
		var functions uint64
		_, err := file.Read(data[:])
		expect("Read", errors.Is(err, syscall.ENODEV), true)
		_, err = file.Write(data[:])
		expect("Write", errors.Is(err, syscall.ENODEV), true)
		expect("I2C_FUNCS", call(file, i2cFuncs, unsafe.Pointer(&functions)), error(syscall.ENODEV))
		_, err = os.OpenFile("/dev/i2c-7", os.O_RDWR, 0)
		expect("OpenFile", errors.Is(err, syscall.ENOENT), true)
	}
	expect("Close", file.Close(), nil)
	fmt.Printf("%d ok, %d failed\n", ok, failed)
	if failed > 0 {
		os.Exit(1)
	}
}
